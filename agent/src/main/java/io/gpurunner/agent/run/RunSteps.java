package io.gpurunner.agent.run;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ExitCodes;
import io.gpurunner.agent.container.Observation;
import io.gpurunner.agent.job.Ending;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.run.ContainerLooks.Look;
import io.gpurunner.agent.run.NextStep.Seen;
import io.gpurunner.agent.run.NextStep.Verdict;
import io.gpurunner.agent.run.StepOutcome.Wait;
import io.gpurunner.gpu.DeviceFitness;
import io.gpurunner.gpu.GpuDevice;
import io.gpurunner.gpu.GpuDevice.Presence;
import io.gpurunner.gpu.GpuSnapshot;
import io.gpurunner.gpu.GpuUuid;
import io.gpurunner.gpu.Xid;
import io.gpurunner.storage.JobVolumes;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The step of a job in state RUNNING: watches its container, and judges its end. Thread-safe. */
final class RunSteps {
  /** The largest number of the driver's errors that the reason of a failed run names. */
  private static final int MOST_ERRORS_NAMED = 4;

  private final StepPorts ports;
  private final Clock clock;
  private final CommonOutcomes outcomes;
  private final ContainerLooks looks;
  private final OutputCopies copies;
  private final Intruders intruders;
  private final ExitReasons reasons;

  /** The runs whose containers were looked at for their GPUs. */
  private final Set<ContainerName> equipped = ConcurrentHashMap.newKeySet();

  /** The ends that were seen, and wait for a look at the GPUs. */
  private final Map<ContainerName, Observation.Exited> unjudged = new ConcurrentHashMap<>();

  RunSteps(
      StepPorts ports,
      Clock clock,
      CommonOutcomes outcomes,
      ContainerLooks looks,
      OutputCopies copies) {
    this.ports = ports;
    this.clock = clock;
    this.outcomes = outcomes;
    this.looks = looks;
    this.copies = copies;
    this.intruders = new Intruders(ports.ledger());
    this.reasons = new ExitReasons(ports.output());
  }

  StepOutcome run(Job job, JobState.Running state) {
    Instant asked = clock.instant();
    Look look = looks.look(job, state);
    return switch (look.verdict()) {
      case WATCH -> {
        copies.follow(job, state, ContainerLooks.containerOf(job, state));
        yield watch(job, state, look.seen(), asked);
      }
      case JUDGE -> judge(job, state, look.exited());
      case FAIL_REMOVED ->
          Optional.ofNullable(unjudged.get(ContainerLooks.nameOf(job, state)))
              .map(end -> judge(job, state, end))
              .orElseGet(() -> looks.fail(look.verdict()));
      case FAIL_LOST, FAIL_REPLACED, FAIL_RESTARTING, FAIL_REBOOTED -> looks.fail(look.verdict());
      case Verdict other -> throw ContainerLooks.unforeseen(state, other);
    };
  }

  private StepOutcome judge(Job job, JobState.Running state, Observation.Exited exited) {
    if (exited.exitCode() != 0 && !state.gpus().isEmpty() && !hasLookedSince(exited)) {
      unjudged.put(ContainerLooks.nameOf(job, state), exited);
      // What the GPUs reported as the program failed belongs to its reason.
      ports.gpus().requestLook();
      return outcomes.waitFor(RunSettings.STOP_INTERVAL);
    }
    noteLateEnd(job, exited);
    return outcomes.ended(endingOf(job, state, exited));
  }

  /** Returns whether the GPUs were looked at since a container ended, or it ended too long ago. */
  private boolean hasLookedSince(Observation.Exited exited) {
    // The time is negative if the engine's clock was ahead.
    Duration since = Duration.between(exited.finishedAt(), clock.instant()).abs();
    Instant after = exited.finishedAt().plus(RunSettings.CLOCKS_APART);
    return !ports.gpus().snapshot().at().isBefore(after)
        || since.compareTo(RunSettings.LOOK_AFTER_EXIT) > 0;
  }

  /**
   * Adds a line to the history if the container ended a while ago. The other lines have the times
   * of the agent's looks, and the agent may have been down.
   */
  private void noteLateEnd(Job job, Observation.Exited exited) {
    if (exited.exitCode() != ExitCodes.LOST_BY_ENGINE // its end is unknown
        && exited.finishedAt().plus(RunSettings.LATE_END).isBefore(clock.instant())) {
      ports
          .ledger()
          .note(
              job.id(),
              "ended-unseen",
              "the container had ended at "
                  + exited.finishedAt().truncatedTo(ChronoUnit.SECONDS)
                  + ", while the agent could not look");
    }
  }

  private Ending endingOf(Job job, JobState.Running state, Observation.Exited exited) {
    if (exited.exitCode() == 0) {
      return overrunAtEnd(job).orElseGet(Ending.Completed::new);
    }
    if (state.deadline().filter(deadline -> !endOf(state, exited).isBefore(deadline)).isPresent()) {
      return new Ending.TimeUp(); // it had reached its stop time, so its exit code does not matter
    }
    if (exited.outOfMemory()) {
      return new Ending.Broken("out of memory: the kernel killed the job's process", true);
    }
    return lostDevice(state)
        .or(() -> overrunAtEnd(job))
        .orElseGet(
            () ->
                new Ending.Broken(
                    reasons.of(ContainerLooks.containerOf(job, state), exited)
                        + reportedErrors(state),
                    true));
  }

  /** Returns what the driver reported of the run's GPUs while it ran, for the end of a reason. */
  private String reportedErrors(JobState.Running state) {
    return ports.gpus().snapshot().devices().stream()
        .filter(device -> state.gpus().contains(device.uuid()))
        .flatMap(
            device ->
                device.details().xids().stream()
                    .filter(xid -> !xid.at().isBefore(state.startedAt()))
                    .map(
                        xid ->
                            "; while it ran, "
                                + DeviceFitness.name(device)
                                + " reported XID "
                                + xid.number()
                                + Xid.of(xid.number())
                                    .map(known -> " (" + known.meaning() + ")")
                                    .orElse("")))
        .distinct()
        .limit(MOST_ERRORS_NAMED)
        .collect(Collectors.joining());
  }

  /**
   * Returns when the container ended. The engine uses the wall clock, which may have been set
   * since. If it was set while the container ran, the span between the engine's times is wrong. If
   * it was set later, the converted time is wrong. The earlier of the two is taken, so that a
   * failure never counts as a stop time that was reached.
   */
  private static Instant endOf(JobState.Running state, Observation.Exited exited) {
    Instant bySpan =
        state.startedAt().plus(Duration.between(exited.startedAt(), exited.finishedAt()));
    return bySpan.isBefore(exited.finishedAt()) ? bySpan : exited.finishedAt();
  }

  /**
   * @param asked when the engine was asked; its answer may have taken long
   */
  private StepOutcome watch(Job job, JobState.Running state, Seen seen, Instant asked) {
    Optional<StepOutcome> deleted = outcomes.endIfDeleted(job);
    if (deleted.isPresent()) {
      return deleted.get();
    }
    if (state.deadline().isPresent() && !asked.isBefore(state.deadline().get())) {
      return outcomes.ended(new Ending.TimeUp());
    }
    Optional<Ending> unsound =
        lostDevice(state).or(() -> overrunSoFar(job)).or(() -> withoutGpus(job, state));
    if (unsound.isPresent()) {
      return outcomes.ended(unsound.get());
    }
    Instant nextLook =
        Stream.of(RunSettings.LOOK_INTERVAL, ports.volumes().lookInterval())
            .min(Duration::compareTo)
            .map(clock.instant()::plus)
            .orElseThrow();
    return new Wait(
        state.deadline().filter(deadline -> deadline.isBefore(nextLook)).orElse(nextLook),
        seen == Seen.PAUSED
            ? Optional.of("its container was paused from outside; its time runs on")
            : intruders
                .on(job, state, ports.gpus().snapshot())
                .or(() -> ports.watch().trouble(job)));
  }

  /**
   * Returns how the run ends if one of its GPUs is lost. A device that could not be read in one
   * look is not lost.
   */
  private Optional<Ending> lostDevice(JobState.Running state) {
    GpuSnapshot look = ports.gpus().snapshot();
    if (look.fault().isPresent() || look.at().isBefore(state.startedAt())) {
      return Optional.empty();
    }
    boolean allReadable =
        look.devices().stream()
            .filter(device -> device.ordinal() != GpuDevice.NO_ORDINAL) // it was never readable
            .allMatch(device -> device.presence() == Presence.READABLE);
    for (GpuUuid uuid : state.gpus()) {
      Optional<GpuDevice> device =
          look.devices().stream().filter(candidate -> candidate.uuid().equals(uuid)).findFirst();
      if (device.isEmpty() && allReadable) {
        return Optional.of(lost(uuid, "it is gone from the machine"));
      }
      if (device.isPresent() && device.get().presence() == Presence.LOST) {
        return Optional.of(lost(uuid, device.get().fault().orElse("it does not answer")));
      }
    }
    return Optional.empty();
  }

  /**
   * Returns how a run ends whose container did not get its GPUs. It counts as a failed run, because
   * it may have computed already. Later nothing is looked for: a program may remove the nodes that
   * it has opened.
   */
  private Optional<Ending> withoutGpus(Job job, JobState.Running state) {
    ContainerName name = ContainerLooks.nameOf(job, state);
    if (state.gpus().isEmpty()
        || state.startedAt().plus(RunSettings.EQUIPPED_LIMIT).isBefore(clock.instant())
        || equipped.contains(name)) {
      return Optional.empty();
    }
    Optional<String> why;
    try {
      why = ports.gate().whyWithout(state.containerId(), state.gpus());
    } catch (ContainerException unknown) {
      return Optional.empty(); // the next step looks again
    }
    equipped.add(name);
    return why.map(words -> new Ending.Broken(words, true));
  }

  private static Ending lost(GpuUuid uuid, String why) {
    return new Ending.Broken("GPU " + uuid + " was lost: " + why, true);
  }

  /** Returns the result of the newest finished measurement, and never waits for one. */
  private Optional<Ending> overrunSoFar(Job job) {
    return ports.watch().newest(job).map(over -> oversized(job, over));
  }

  /** Measures now. The container has ended, so a measurement delays no stop time. */
  private Optional<Ending> overrunAtEnd(Job job) {
    return ports.watch().measure(job).map(over -> oversized(job, over));
  }

  private static Ending oversized(Job job, JobVolumes.Overrun over) {
    return new Ending.Broken(RequestedVolumes.describe(job.request(), over), false);
  }

  /** Forgets a run whose container is gone. */
  void forget(ContainerName run) {
    equipped.remove(run);
    unjudged.remove(run);
    intruders.forget(run);
  }
}
