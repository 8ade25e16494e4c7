package io.gpurunner.agent.simulation;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.api.JobId;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Predicate;

/**
 * Checks how long the files of ended jobs are kept: for the configured time, while a live job
 * resumes from them, and not much longer. One thread.
 */
final class KeptFiles {
  /** Retention makes a round every ten minutes. One more minute is for the round itself. */
  private static final long LATE_LIMIT = 11 * Timeline.MINUTE;

  private final Simulation simulation;

  KeptFiles(Simulation simulation) {
    this.simulation = simulation;
  }

  /** A job is recorded as ended. */
  void ended(JobTruth truth, JobState.Final state) {
    Machine machine = simulation.machine;
    truth.endedAt =
        machine.isOfThisBoot(state.finishedAt())
            ? OptionalLong.of(machine.microsAt(state.finishedAt()))
            : OptionalLong.empty();
    // At the next boot, the agent's clock jumps by as much as the machine's clock is ahead of it.
    long ahead = ChronoUnit.MICROS.between(machine.agentTime(), simulation.timeline.wall());
    truth.clockSetForwardByEnd = simulation.timeline.setForward() - Math.max(0, ahead);
    truth.kept.forget();
  }

  /** It is recorded that the files of a job are about to be removed. */
  void givenUp(JobTruth truth) {
    if (truth.endedAt.isPresent()) {
      long sinceEnd = simulation.timeline.now() - truth.endedAt.getAsLong();
      long clocksSay = sinceEnd + simulation.timeline.setForward() - truth.clockSetForwardByEnd;
      simulation.invariants.require(
          clocksSay >= Timeline.micros(simulation.keepFor) - Timeline.SECOND,
          "the files of "
              + truth.name()
              + " are removed "
              + sinceEnd / Timeline.SECOND
              + " s after its end, they are to be kept for "
              + simulation.keepFor.toSeconds());
    }
  }

  /** The directories of a job are being removed. */
  void removed(JobId id) {
    JobTruth truth = simulation.truth(id);
    simulation.invariants.require(
        truth.isFinal(), "the files of " + truth.name() + " are removed, and it has not ended");
    resumer(id, KeptFiles::hasNotCopied)
        .ifPresent(
            other ->
                simulation.invariants.require(
                    false,
                    "the files of " + truth.name() + " are removed, and " + other + " needs them"));
  }

  /**
   * Returns whether a job still needs the files that it resumes from. They are copied for the first
   * run, and later runs and uploads have the copy.
   */
  private static boolean hasNotCopied(JobState state) {
    return switch (state) {
      case JobState.Queued queued -> queued.attempt() == 1;
      case JobState.Preparing preparing -> preparing.attempt() == 1;
      case JobState.Live _, JobState.Final _ -> false;
    };
  }

  private Optional<String> resumer(JobId id, Predicate<JobState> inState) {
    return simulation.truths().stream()
        .filter(
            truth ->
                truth
                    .seen
                    .filter(job -> inState.test(job.state()))
                    .flatMap(job -> job.request().resumeFrom())
                    .filter(id::equals)
                    .isPresent())
        .map(JobTruth::name)
        .findFirst();
  }

  /** A job finds nothing to resume from. */
  void seededFromNothing(JobId job, JobId from) {
    simulation.invariants.require(
        !simulation.truth(from).hadDirectories,
        simulation.truth(job).name()
            + " resumes from "
            + simulation.truth(from).name()
            + ", whose files are gone");
  }

  /** Called after each turn, after the last fault. */
  void look(boolean watched, long passed) {
    Instant steady = simulation.machine.agentTime();
    Instant wall = simulation.timeline.wall();
    Instant now = wall.isBefore(steady) ? wall : steady;
    for (JobTruth truth : simulation.truths()) {
      boolean overdue =
          truth
              .seen
              .filter(job -> job.files() != JobFiles.SWEPT && isOver(job, now))
              .filter(job -> resumer(job.id(), JobState.Live.class::isInstance).isEmpty())
              .isPresent();
      truth.kept.pass(watched && overdue, passed);
      simulation.invariants.require(
          truth.kept.sum() <= LATE_LIMIT,
          "the files of "
              + truth.name()
              + " are there "
              + truth.kept.sum() / Timeline.SECOND
              + " s after they were to be removed");
    }
  }

  private boolean isOver(Job job, Instant now) {
    return job.state() instanceof JobState.Final ended
        && ended.finishedAt().plus(simulation.keepFor).isBefore(now);
  }
}
