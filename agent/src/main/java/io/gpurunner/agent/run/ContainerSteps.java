package io.gpurunner.agent.run;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerRef;
import io.gpurunner.agent.container.ExitCodes;
import io.gpurunner.agent.container.Observation;
import io.gpurunner.agent.job.Ending;
import io.gpurunner.agent.job.FailedRuns;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobEvent;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.run.NextStep.Boot;
import io.gpurunner.agent.run.NextStep.Phase;
import io.gpurunner.agent.run.NextStep.Seen;
import io.gpurunner.agent.run.NextStep.Verdict;
import io.gpurunner.agent.run.StepOutcome.Advance;
import io.gpurunner.agent.run.StepOutcome.Again;
import io.gpurunner.agent.run.StepOutcome.Wait;
import io.gpurunner.api.GpuUse;
import io.gpurunner.api.StopRule;
import io.gpurunner.gpu.DeviceFitness;
import io.gpurunner.gpu.GpuDevice;
import io.gpurunner.gpu.GpuDevice.Presence;
import io.gpurunner.gpu.GpuSnapshot;
import io.gpurunner.gpu.GpuUuid;
import io.gpurunner.gpu.Xid;
import io.gpurunner.storage.JobVolumes;
import io.gpurunner.storage.StorageException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The steps of a job that has a container or will have one. Each asks {@link NextStep} what to do,
 * and does it. Thread-safe.
 */
final class ContainerSteps {
  private final StepPorts ports;
  private final RunSettings settings;
  private final Clock clock;
  private final CommonOutcomes outcomes;

  /** The largest number of the driver's errors that the reason of a failed run names. */
  private static final int MOST_ERRORS_NAMED = 4;

  /** The runs whose containers were looked at for their GPUs. */
  private final Set<ContainerName> equipped = ConcurrentHashMap.newKeySet();

  /** The ends that were seen, and wait for a look at the GPUs. */
  private final Map<ContainerName, Observation.Exited> unjudged = new ConcurrentHashMap<>();

  private final StopSignals signals;
  private final Intruders intruders;
  private final ExitReasons reasons;
  private final StartFailures failures;
  private final OutputCopies copies;

  ContainerSteps(
      StepPorts ports,
      RunSettings settings,
      Clock clock,
      CommonOutcomes outcomes,
      StartFailures failures) {
    this.failures = failures;
    this.ports = ports;
    this.settings = settings;
    this.clock = clock;
    this.outcomes = outcomes;
    this.signals = new StopSignals(ports, settings, clock, outcomes);
    this.reasons = new ExitReasons(ports.output());
    this.intruders = new Intruders(ports.ledger());
    this.copies = new OutputCopies(ports.keeper(), ports.volumes(), ports.ledger(), clock);
  }

  /** What the step does, and what the engine says of the container now. */
  private record Look(Verdict verdict, Seen seen, Optional<Observation> observation) {
    Observation.Ran ran() {
      return (Observation.Ran) observation.orElseThrow();
    }

    Observation.Exited exited() {
      return (Observation.Exited) observation.orElseThrow();
    }
  }

  private Look look(Job job, JobState.Placed state) {
    Optional<Observation> observation = inspect(containerOf(job, state));
    Seen seen = Seen.of(state, observation);
    return new Look(
        NextStep.of(Phase.of(state), seen, Boot.of(state, settings.bootId())), seen, observation);
  }

  /**
   * Returns the container of a job's current attempt. It is empty if the job is in a state without
   * a container.
   */
  static Optional<ContainerRef> containerOf(Job job) {
    return job.state() instanceof JobState.Placed placed
        ? Optional.of(containerOf(job, placed))
        : Optional.empty();
  }

  /**
   * Returns the container by its id as soon as the id is recorded, so that it is found even if
   * somebody changes its name.
   */
  static ContainerRef containerOf(Job job, JobState.Placed state) {
    Optional<String> recordedId =
        switch (state) {
          case JobState.Preparing _, JobState.Pulling _ -> Optional.empty();
          case JobState.Starting starting -> starting.containerId();
          case JobState.Running running -> Optional.of(running.containerId());
          case JobState.Stopping stopping -> stopping.containerId();
        };
    return new ContainerRef(nameOf(job, state), recordedId);
  }

  private static ContainerName nameOf(Job job, JobState.Placed state) {
    return new ContainerName(job.id(), state.attempt());
  }

  /** Looks at the container. If the engine refuses the look, nothing is known of the container. */
  private Optional<Observation> inspect(ContainerRef container) {
    try {
      return ports.containers().inspect(container);
    } catch (ContainerException e) {
      throw unanswered(e);
    }
  }

  private static ContainerException unanswered(ContainerException e) {
    return new ContainerException(
        ContainerException.Kind.UNREACHABLE, String.valueOf(e.getMessage()), e);
  }

  /** Checks that there is no container yet. If there is one, the run ends. */
  Optional<StepOutcome> requireNone(Job job, JobState.Placed state) {
    return switch (look(job, state).verdict()) {
      case GO_ON -> Optional.empty();
      case FAIL_FOREIGN -> Optional.of(fail(Verdict.FAIL_FOREIGN));
      case Verdict other -> throw unforeseen(state, other);
    };
  }

  // ---- STARTING

  /**
   * Creates and starts the container. Each effect is preceded by {@code confirm}, because an
   * earlier commit with the outcome UNKNOWN may have reached the disk since the job was read.
   */
  StepOutcome start(Job job, JobState.Starting state) {
    Optional<StepOutcome> deleted = outcomes.endIfDeleted(job);
    if (deleted.isPresent()) {
      return deleted.get();
    }
    ContainerRef container = containerOf(job, state);
    Look look = look(job, state);
    try {
      return start(job, state, container, look);
    } catch (ContainerException e) {
      return notStarted(job, state, container, e);
    }
  }

  private StepOutcome start(Job job, JobState.Starting state, ContainerRef container, Look look) {
    return switch (look.verdict()) {
      case RENEW_BOOT ->
          new Advance(new JobEvent.Pulled(settings.bootId(), Optional.empty(), Optional.empty()));
      case CREATE -> {
        requireGpus(state);
        yield create(job, state, container.name());
      }
      case RECORD_MADE ->
          new Advance(new JobEvent.Made(look.observation().orElseThrow().containerId()));
      case REMOVE -> { // the engine that will start it then creates it again
        ports.ledger().confirm(job);
        yield removeDoubtful(container);
      }
      case START -> {
        requireGpus(state);
        ports.ledger().confirm(job);
        ports.containers().start(container);
        failures.forget(container);
        yield new Again();
      }
      case RECORD_START -> started(job, look.ran());
      case FAIL_FOREIGN,
          FAIL_REMOVED,
          FAIL_DOUBTFUL,
          FAIL_REPLACED,
          FAIL_RESTARTING,
          FAIL_REBOOTED ->
          fail(look.verdict());
      case Verdict other -> throw unforeseen(state, other);
    };
  }

  /**
   * Checks again that the GPUs are fit and reach a container, because that may have changed since
   * they were leased: an image can be pulled for hours.
   *
   * @throws ContainerException GPUS_UNFIT if one is not or does not
   */
  private void requireGpus(JobState.Starting state) {
    GpuSnapshot look = ports.gpus().snapshot();
    state.gpus().stream()
        .flatMap(uuid -> ports.gate().whyRefused(uuid).or(() -> whyUnusable(look, uuid)).stream())
        .findFirst()
        .ifPresent(
            why -> {
              throw new ContainerException(ContainerException.Kind.GPUS_UNFIT, why);
            });
  }

  private static Optional<String> whyUnusable(GpuSnapshot look, GpuUuid uuid) {
    return look.devices().stream()
        .filter(device -> device.uuid().equals(uuid))
        .findFirst()
        .flatMap(
            device ->
                DeviceFitness.whyUnusable(device)
                    .map(why -> DeviceFitness.name(device) + ": " + why));
  }

  /**
   * Decides what follows after the engine did not create or start the container. If the container
   * was started nevertheless, or may have been, the next look decides. A container that is gone,
   * although it was recorded, may have run before somebody removed it.
   */
  private StepOutcome notStarted(
      Job job, JobState.Starting state, ContainerRef container, ContainerException e) {
    if (e.kind() == ContainerException.Kind.UNREACHABLE) {
      failures.notAnswered(container);
      return outcomes.waitForEngine(e);
    }
    boolean mayHaveRun =
        inspect(container)
            .map(now -> !(now instanceof Observation.Created))
            .orElse(state.containerId().isPresent());
    if (mayHaveRun) {
      return new Again();
    }
    if (failures.mayStillStart(container)) {
      failures.doubt(state, e);
      return outcomes.waitForEngine(e);
    }
    return failures.ended(job, state, "the container could not be started", e);
  }

  /**
   * Removes a container that may have run. If the engine cannot remove it yet, the run does not
   * end, because it has not begun.
   */
  private StepOutcome removeDoubtful(ContainerRef container) {
    try {
      return remove(container);
    } catch (ContainerException e) {
      throw unanswered(e);
    }
  }

  private StepOutcome create(Job job, JobState.Starting state, ContainerName name) {
    ports.ledger().confirm(job);
    try {
      ports.containers().create(ports.specs().specFor(job, name, state.gpus()));
      failures.forget(containerOf(job, state));
    } catch (StorageException e) {
      if (e.kind() == StorageException.Kind.UNAVAILABLE) {
        return outcomes.waitForFiles(e);
      }
      return outcomes.ended(
          new Ending.Broken("the container could not be created: " + e.getMessage(), false));
    }
    return new Again();
  }

  private StepOutcome started(Job job, Observation.Ran seen) {
    if (seen instanceof Observation.Exited exited && !exited.error().isEmpty()) {
      return outcomes.ended(
          new Ending.Broken("the container could not be started: " + exited.error(), false));
    }
    Instant startedAt = seen.startedAt();
    Optional<Instant> deadline =
        switch (job.request().stopRule()) {
          case StopRule.NaturalEnd _ -> Optional.empty();
          case StopRule.After after -> Optional.of(startedAt.plus(after.limit()));
        };
    return new Advance(
        new JobEvent.Started(
            startedAt, deadline, settings.bootId(), seen.containerId(), seen.run()));
  }

  // ---- RUNNING

  StepOutcome run(Job job, JobState.Running state) {
    Instant asked = clock.instant();
    Look look = look(job, state);
    return switch (look.verdict()) {
      case WATCH -> {
        copies.follow(job, state, containerOf(job, state));
        yield watch(job, state, look.seen(), asked);
      }
      case JUDGE -> judge(job, state, look.exited());
      case FAIL_REMOVED ->
          Optional.ofNullable(unjudged.get(nameOf(job, state)))
              .map(end -> judge(job, state, end))
              .orElseGet(() -> fail(look.verdict()));
      case FAIL_LOST, FAIL_REPLACED, FAIL_RESTARTING, FAIL_REBOOTED -> fail(look.verdict());
      case Verdict other -> throw unforeseen(state, other);
    };
  }

  private StepOutcome judge(Job job, JobState.Running state, Observation.Exited exited) {
    if (exited.exitCode() != 0 && !state.gpus().isEmpty() && !hasLookedSince(exited)) {
      unjudged.put(nameOf(job, state), exited);
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
                    reasons.of(containerOf(job, state), exited) + reportedErrors(state), true));
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
            : intruders.on(job, state, ports.gpus().snapshot()));
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
    ContainerName name = nameOf(job, state);
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

  // ---- STOPPING

  StepOutcome stop(Job job, JobState.Stopping state) {
    ports.watch().forget(job.id());
    if (job.deletion().isPresent() && !(state.ending() instanceof Ending.DeletedBy)) {
      return outcomes.ended(new Ending.DeletedBy(job.deletion().get().by()));
    }
    if (state.goneAt().isPresent()) {
      ContainerName run = nameOf(job, state);
      equipped.remove(run);
      unjudged.remove(run);
      intruders.forget(run);
      signals.forget(run);
      failures.forget(containerOf(job, state));
      copies.abandon(job, state, containerOf(job, state));
      return release(job, state, state.goneAt().get());
    }
    ContainerRef container = containerOf(job, state);
    Look look = look(job, state);
    if (state.ending() instanceof Ending.NotStarted && hasRun(look)) {
      return outcomes.ended(new Ending.Broken(reason(Verdict.FAIL_DOUBTFUL), true));
    }
    if (state.containerId().isEmpty()
        && look.observation().isPresent()
        && !(state.ending() instanceof Ending.NotStarted)) {
      // By this id its processes can be found, even if somebody renames the container.
      return new Advance(new JobEvent.Found(look.observation().get().containerId()));
    }
    return switch (look.verdict()) {
      case RECORD_GONE -> {
        // Processes may be left, if the engine does not know that the container ran or somebody
        // else removed it.
        state.containerId().ifPresent(ports.containers()::endProcesses);
        yield new Advance(new JobEvent.ContainerGone(clock.instant()));
      }
      case REMOVE -> remove(container);
      case SIGNAL -> {
        copies.follow(job, state, container);
        yield signals.next(job, state, container);
      }
      case SAVE_AND_REMOVE -> removeWithOutput(job, state, container, look.exited());
      case Verdict other -> throw unforeseen(state, other);
    };
  }

  /**
   * Returns whether a container has run, whose start the engine had refused. When that was
   * recorded, it had not run, and no call was on its way that could still start it ({@link
   * StartFailures#mayStillStart}). So another engine, or another boot, leaves no doubt.
   */
  private static boolean hasRun(Look look) {
    return look.observation().isPresent()
        && switch (look.observation().get()) {
          case Observation.Created _ -> false;
          case Observation.Doubtful doubtful -> doubtful.hasProcesses();
          case Observation.Running _, Observation.Exited _ -> true;
        };
  }

  private StepOutcome removeWithOutput(
      Job job, JobState.Stopping state, ContainerRef container, Observation.Exited exited) {
    copies.finish(job, state, container);
    StepOutcome outcome = remove(container);
    if (outcome instanceof Again) {
      signals.noteEnd(job, state, exited);
    }
    return outcome;
  }

  private StepOutcome remove(ContainerRef container) {
    ports.containers().remove(container);
    return inspect(container).isEmpty() ? new Again() : outcomes.waitFor(RunSettings.STOP_INTERVAL);
  }

  private StepOutcome release(Job job, JobState.Stopping state, Instant goneAt) {
    Instant now = clock.instant();
    if (goneAt.isAfter(now)) { // it was recorded under another boot; record it again
      return new Advance(new JobEvent.ContainerGone(now));
    }
    GpuSnapshot look = ports.gpus().snapshot();
    List<String> stillBusy =
        state.gpus().stream()
            .flatMap(gpu -> DeviceFitness.stillBusyReason(look, gpu, goneAt).stream())
            .distinct()
            .toList();
    if (!stillBusy.isEmpty() && now.isBefore(goneAt.plus(RunSettings.RELEASE_LIMIT))) {
      ports.gpus().requestLook();
      return outcomes.waitFor(RunSettings.STOP_INTERVAL);
    }
    boolean retry = state.attempt() <= job.request().retries();
    return new Advance(
        new JobEvent.GpusReleased(
            now,
            now.plus(settings.uploadRetryFor()),
            retry,
            stillBusy,
            failedBefore(job, state, retry),
            state.startedAt().isPresent()
                ? ports.meter().useOf(job).stream().map(GpuUse::ended).toList()
                : List.of()));
  }

  /** Returns the earlier runs of a job whose last run failed. */
  private List<FailedRuns.Run> failedBefore(Job job, JobState.Stopping state, boolean retry) {
    boolean isLastAndFailed =
        state.ending() instanceof Ending.Broken broken && !(broken.retryable() && retry);
    return isLastAndFailed && state.attempt() > 1
        ? FailedRuns.earlier(ports.ledger().history(job.id()), state.attempt())
        : List.of();
  }

  /** Enforces a stop that cannot be recorded ({@link StopSignals}). */
  void enforceUnrecorded(Job job, JobEvent event) {
    signals.enforceUnrecorded(job, event);
  }

  // ---- shared

  private StepOutcome fail(Verdict verdict) {
    return outcomes.ended(new Ending.Broken(reason(verdict), true));
  }

  private static String reason(Verdict verdict) {
    return switch (verdict) {
      case FAIL_FOREIGN ->
          "a container of this run existed before the agent created it; it may have run already";
      case FAIL_REMOVED -> "the container was removed from outside before the agent saw its end";
      case FAIL_DOUBTFUL ->
          "the container engine came down while it was to start the container; whether the job ran"
              + " is not known";
      case FAIL_LOST -> "the container engine lost the container while the job ran";
      case FAIL_REPLACED -> "the container was started again from outside while the job ran";
      case FAIL_RESTARTING -> "the container was set from outside to restart by itself";
      case FAIL_REBOOTED -> "the host rebooted while the job ran";
      case Verdict other -> throw new IllegalArgumentException("no failure: " + other);
    };
  }

  private static IllegalStateException unforeseen(JobState state, Verdict verdict) {
    return new IllegalStateException(state.label() + " cannot " + verdict.words());
  }
}
