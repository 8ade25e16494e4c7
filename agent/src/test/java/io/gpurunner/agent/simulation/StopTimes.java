package io.gpurunner.agent.simulation;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * Checks that a job is stopped at its time, to the second: not before, and not later if its loop is
 * free to act. SIGKILL must follow SIGTERM after the grace period, neither earlier nor later. One
 * thread.
 */
final class StopTimes {
  /** The configured grace period, for a job that names none. */
  static final Duration GRACE = Duration.ofSeconds(30);

  private static final long EXACT = Timeline.SECOND;

  /** The longest rest of a loop that met a fault. */
  private static final long FAULT_PAUSE = 5 * Timeline.SECOND;

  private final Simulation simulation;

  StopTimes(Simulation simulation) {
    this.simulation = simulation;
  }

  /** A container is sent a signal that stops it. */
  void signalled(Box box, boolean kill) {
    JobTruth truth = simulation.truth(box.name.job());
    long now = simulation.timeline.now();
    String name = Machine.nameOf(box.name);
    boolean asked = truth.deletionAsked || truth.stopRecorded.isPresent() || box.wasStartedAgain();
    OptionalLong timeUp = timeUp(box, truth);
    simulation.invariants.require(
        asked || (timeUp.isPresent() && now >= timeUp.getAsLong() - tolerance(truth)),
        name
            + " was stopped after "
            + (now - box.startedAtMicros) / Timeline.SECOND
            + " s, and its time was not up");
    if (kill && !box.wasStartedAgain()) {
      long grace = Timeline.micros(grace(truth));
      simulation.invariants.require(
          box.termAt.isPresent() && now - box.termAt.getAsLong() >= grace - EXACT,
          name + " was killed without its grace period of " + grace / Timeline.SECOND + " s");
    }
    if (!kill && box.termAt.isEmpty()) {
      box.termAt = OptionalLong.of(now);
    }
  }

  /**
   * SIGTERM was sent, and the time of SIGKILL is recorded. If the power was cut before the answer
   * to that, it is seen only after the next boot, whose clock is another one.
   */
  void killRecorded(JobTruth truth, Job job, JobState.Stopping stopping, Instant killAt) {
    Instant latest =
        simulation
            .machine
            .agentTime()
            .plus(job.request().gracePeriod().orElse(GRACE))
            .plusSeconds(1);
    boolean isOfThisBoot =
        simulation.machine.isOfThisBoot(killAt)
            && stopping
                .bootId()
                .filter(boot -> !boot.equals(simulation.machine.bootId()))
                .isEmpty();
    simulation.invariants.require(
        !isOfThisBoot || !killAt.isAfter(latest),
        truth.name() + " is killed at " + killAt + ", its grace period ends before " + latest);
  }

  private static Duration grace(JobTruth truth) {
    return truth.seen.flatMap(job -> job.request().gracePeriod()).orElse(GRACE);
  }

  /**
   * Returns how many microseconds a stop may be early. If the clock was set, starts are known to
   * whole seconds only, or not at all.
   */
  private long tolerance(JobTruth truth) {
    return EXACT + (simulation.timeline.clockWasSet() ? EXACT : 0) + truth.clockSetUnseen;
  }

  private OptionalLong timeUp(Box box, JobTruth truth) {
    return simulation
        .invariants
        .limitOf(truth)
        .map(limit -> OptionalLong.of(box.startedAtMicros + limit))
        .orElse(OptionalLong.empty());
  }

  /** Looks at all containers that run. Called after each turn. */
  void look() {
    for (Box box : simulation.machine.alive()) {
      look(box);
    }
  }

  /** The loop of a job wakes up. */
  void wakes(JobTruth truth) {
    for (Box box : simulation.machine.alive()) {
      if (box.name.job().equals(truth.id)) {
        requireNotLate(box, truth);
      }
    }
  }

  private void look(Box box) {
    JobTruth truth = simulation.truth(box.name.job());
    boolean asleep = simulation.agent().filter(agent -> agent.isAsleep(truth.id)).isPresent();
    if (asleep) {
      requireNotLate(box, truth);
    }
  }

  /** Checks that no signal is overdue. The job's loop has slept since its last turn. */
  private void requireNotLate(Box box, JobTruth truth) {
    if (box.foreign || box.lost || !simulation.machine.engineUp) {
      return;
    }
    // A delay after the time that the loop had planned is caused by others.
    long now = Math.min(simulation.timeline.now(), truth.wakesAt);
    long limit =
        EXACT
            + (truth.faultAt >= truth.turnBegan || simulation.ledgerFaultAt >= truth.turnBegan
                ? FAULT_PAUSE
                : 0);
    due(box, truth)
        .ifPresent(
            due -> {
              long late = now - Math.max(due, truth.turnEnded);
              simulation.invariants.require(
                  late <= limit,
                  Machine.nameOf(box.name)
                      + " was due to be stopped, and its loop slept on for "
                      + late
                      + " µs");
            });
  }

  /** Returns when the next signal is due. */
  private OptionalLong due(Box box, JobTruth truth) {
    Optional<Instant> killAt =
        truth
            .seen
            .map(Job::state)
            .flatMap(
                state ->
                    state instanceof JobState.Stopping stopping
                        ? stopping.killAt()
                        : Optional.empty());
    if (killAt.isPresent()) {
      return simulation.machine.isOfThisBoot(killAt.get())
          ? OptionalLong.of(simulation.machine.microsAt(killAt.get()))
          : OptionalLong.empty();
    }
    OptionalLong timeUp = timeUp(box, truth);
    long recorded = truth.stopRecorded.orElse(Long.MAX_VALUE);
    long time = timeUp.isPresent() ? timeUp.getAsLong() + tolerance(truth) - EXACT : Long.MAX_VALUE;
    long due = Math.max(box.startedAtMicros, Math.min(recorded, time));
    return due == Long.MAX_VALUE ? OptionalLong.empty() : OptionalLong.of(due);
  }
}
