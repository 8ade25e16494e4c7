package io.gpurunner.agent.run;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerOutput;
import io.gpurunner.agent.container.ContainerRuntime;
import io.gpurunner.agent.container.ContainerRuntime.Signal;
import io.gpurunner.agent.container.ExitCodes;
import io.gpurunner.agent.container.Images;
import io.gpurunner.agent.container.Observation;
import io.gpurunner.agent.job.Ending;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobEvent;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.agent.run.StepOutcome.Advance;
import io.gpurunner.agent.run.StepOutcome.Again;
import io.gpurunner.agent.run.StepOutcome.Idle;
import io.gpurunner.agent.run.StepOutcome.Wait;
import io.gpurunner.api.StopRule;
import io.gpurunner.gpu.DeviceFitness;
import io.gpurunner.gpu.GpuDevice;
import io.gpurunner.gpu.GpuDevice.Presence;
import io.gpurunner.gpu.GpuInventory;
import io.gpurunner.gpu.GpuSnapshot;
import io.gpurunner.gpu.GpuUuid;
import io.gpurunner.storage.ArtifactPublisher;
import io.gpurunner.storage.ArtifactStore;
import io.gpurunner.storage.Cancellation;
import io.gpurunner.storage.JobPaths;
import io.gpurunner.storage.JobVolumes;
import io.gpurunner.storage.PublishedArtifacts;
import io.gpurunner.storage.StorageException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * One step of a job: reads where it stands, makes one effect through a port, and says what to
 * commit. Every effect can be repeated, so that after a crash the same step is simply made again:
 * this is all the recovery there is. Stateless; thread-safe; blocks for a bounded time.
 */
public final class JobSteps {
  private final Ports ports;
  private final RunSettings settings;
  private final Clock clock;
  private final ArtifactPublisher publisher;

  /** What the steps act on. */
  public record Ports(
      JobLedger ledger,
      ContainerRuntime containers,
      Images images,
      ContainerOutput output,
      SpecSource specs,
      JobVolumes volumes,
      VolumeWatch watch,
      ArtifactStore store,
      GpuInventory gpus) {}

  public JobSteps(Ports ports, RunSettings settings, Clock clock) {
    this.ports = ports;
    this.settings = settings;
    this.clock = clock;
    this.publisher = new ArtifactPublisher(ports.store());
  }

  /** Makes the next step of a job that was read from the ledger just now. */
  public StepOutcome step(Job job) {
    try {
      return switch (job.state()) {
        case JobState.Queued _, JobState.Final _ -> new Idle();
        case JobState.Preparing preparing -> prepare(job, preparing);
        case JobState.Pulling pulling -> pull(job, pulling);
        case JobState.Starting starting -> start(job, starting);
        case JobState.Running running -> watch(job, running);
        case JobState.Stopping stopping -> stop(job, stopping);
        case JobState.Uploading uploading -> upload(job, uploading);
      };
    } catch (ContainerException e) {
      return switch (e.kind()) {
        case UNREACHABLE, ABSENT, CANCELLED -> waitForEngine(e);
        case FAILED, REFUSED -> refusedByEngine(job, e);
      };
    }
  }

  /**
   * An engine that says no before the container ran fails the run; later there is nothing to do but
   * ask it again.
   */
  private StepOutcome refusedByEngine(Job job, ContainerException e) {
    return switch (job.state()) {
      case JobState.Preparing _, JobState.Pulling _, JobState.Starting _ ->
          ended(
              new Ending.Broken(
                  "the container could not be started: " + e.getMessage(),
                  e.kind() == ContainerException.Kind.FAILED));
      case JobState.Queued _,
          JobState.Running _,
          JobState.Stopping _,
          JobState.Uploading _,
          JobState.Final _ ->
          waitForEngine(e);
    };
  }

  // ---- PREPARING

  private StepOutcome prepare(Job job, JobState.Preparing state) {
    Optional<StepOutcome> deleted = endWhereDeleted(job);
    if (deleted.isPresent()) {
      return deleted.get();
    }
    long checkpointLimit = VolumeLimits.checkpointBytes(job.request());
    long modelLimit = VolumeLimits.modelBytes(job.request());
    try {
      ports.volumes().prepare(job.folder(), checkpointLimit, modelLimit);
      if (state.attempt() == 1 && job.request().resumeFrom().isPresent()) {
        ports
            .volumes()
            .seedCheckpoint(
                job.folder(),
                checkpointLimit,
                VolumeLimits.folderOf(job.request().resumeFrom().get()),
                deletionOf(job));
      }
    } catch (StorageException e) {
      return e.kind() == StorageException.Kind.CANCELLED
          ? new Again()
          : ended(
              new Ending.Broken(
                  "the job's directories could not be made: " + e.getMessage(), false));
    }
    return new Advance(new JobEvent.Prepared(clock.instant()));
  }

  // ---- PULLING

  private StepOutcome pull(Job job, JobState.Pulling state) {
    Optional<StepOutcome> deleted = endWhereDeleted(job);
    if (deleted.isPresent()) {
      return deleted.get();
    }
    Instant now = clock.instant();
    if (now.isBefore(state.notBefore())) {
      return new Wait(state.notBefore());
    }
    String image = job.request().image();
    try {
      ports.images().ensurePresent(image, deletionOf(job));
    } catch (ContainerException e) {
      String reason = "image " + image + " could not be pulled: " + e.getMessage();
      return switch (e.kind()) {
        case CANCELLED -> new Again();
        case UNREACHABLE -> waitForEngine(e);
        case REFUSED -> ended(new Ending.Broken(reason, false));
        case FAILED, ABSENT ->
            state.failedPulls() + 1 >= RunSettings.PULL_LIMIT
                ? ended(new Ending.Broken(reason, false))
                : new Advance(
                    new JobEvent.PullPostponed(
                        reason, clock.instant().plus(RunSettings.PULL_PAUSE)));
      };
    }
    return new Advance(new JobEvent.Pulled(settings.bootId()));
  }

  // ---- STARTING

  private StepOutcome start(Job job, JobState.Starting state) {
    Optional<StepOutcome> deleted = endWhereDeleted(job);
    if (deleted.isPresent()) {
      return deleted.get();
    }
    ContainerName name = new ContainerName(job.id(), state.attempt());
    Optional<Observation> seen = ports.containers().inspect(name);
    boolean ran = seen.isPresent() && !(seen.get() instanceof Observation.Created);
    if (!ran && !state.bootId().equals(settings.bootId())) {
      // So that its end under this boot is not taken for one under the boot before.
      return new Advance(new JobEvent.Pulled(settings.bootId()));
    }
    if (seen.isEmpty()) {
      try {
        ports.containers().create(ports.specs().specFor(job, name, state.gpus()));
      } catch (StorageException e) {
        return ended(
            new Ending.Broken("the container could not be made: " + e.getMessage(), false));
      }
      return new Again();
    }
    return switch (seen.get()) {
      case Observation.Created _ -> {
        ports.containers().start(name);
        yield new Again();
      }
      case Observation.Running running -> started(job, running.startedAt());
      case Observation.Exited exited when !exited.error().isEmpty() ->
          ended(new Ending.Broken("the container could not be started: " + exited.error(), false));
      // It ran while nobody looked. Under this boot its end is judged like any other; under an
      // earlier one nothing it says counts.
      case Observation.Exited exited when state.bootId().equals(settings.bootId()) ->
          started(job, exited.startedAt());
      case Observation.Exited _ -> ended(rebooted());
    };
  }

  private StepOutcome started(Job job, Instant startedAt) {
    Optional<Instant> deadline =
        switch (job.request().stopRule()) {
          case StopRule.NaturalEnd _ -> Optional.empty();
          case StopRule.After after -> Optional.of(startedAt.plus(after.limit()));
        };
    return new Advance(new JobEvent.Started(startedAt, deadline, settings.bootId()));
  }

  // ---- RUNNING

  private StepOutcome watch(Job job, JobState.Running state) {
    if (!state.bootId().equals(settings.bootId())) {
      return ended(rebooted());
    }
    Optional<Observation> seen =
        ports.containers().inspect(new ContainerName(job.id(), state.attempt()));
    if (seen.isEmpty()) {
      return ended(
          new Ending.Broken("the container was removed from outside while the job ran", true));
    }
    return switch (seen.get()) {
      case Observation.Exited exited -> {
        noteLateNews(job, exited);
        yield ended(judge(job, state, exited));
      }
      case Observation.Running _ -> watchRunning(job, state);
      case Observation.Created _ ->
          ended(
              new Ending.Broken("the container was replaced from outside while the job ran", true));
    };
  }

  /** The history's times are those of the agent's looks; it may have been away. */
  private void noteLateNews(Job job, Observation.Exited exited) {
    if (exited.finishedAt().plus(RunSettings.LATE_NEWS).isBefore(clock.instant())) {
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

  private Ending judge(Job job, JobState.Running state, Observation.Exited exited) {
    if (exited.exitCode() == 0) {
      return overrunAtEnd(job).orElseGet(Ending.Completed::new);
    }
    if (exited.outOfMemory()) {
      return new Ending.Broken("out of memory: the kernel killed the job's process", true);
    }
    if (state.deadline().filter(deadline -> !exited.finishedAt().isBefore(deadline)).isPresent()) {
      return new Ending.TimeUp();
    }
    return lostDevice(state)
        .or(() -> overrunAtEnd(job))
        .orElseGet(() -> new Ending.Broken(exitReason(exited), true));
  }

  private static String exitReason(Observation.Exited exited) {
    return "the container ended with exit code "
        + ExitCodes.describe(exited.exitCode())
        + (exited.error().isEmpty() ? "" : ": " + exited.error());
  }

  private StepOutcome watchRunning(Job job, JobState.Running state) {
    Optional<StepOutcome> deleted = endWhereDeleted(job);
    if (deleted.isPresent()) {
      return deleted.get();
    }
    Instant now = clock.instant();
    if (state.deadline().isPresent() && !now.isBefore(state.deadline().get())) {
      return ended(new Ending.TimeUp());
    }
    Optional<Ending> unsound = lostDevice(state).or(() -> overrunSoFar(job));
    if (unsound.isPresent()) {
      return ended(unsound.get());
    }
    Instant nextLook =
        Stream.of(RunSettings.LOOK_INTERVAL, ports.volumes().lookInterval())
            .min(Duration::compareTo)
            .map(now::plus)
            .orElseThrow();
    return new Wait(
        state.deadline().filter(deadline -> deadline.isBefore(nextLook)).orElse(nextLook));
  }

  /** A device that merely would not be read this time is none that was lost. */
  private Optional<Ending> lostDevice(JobState.Running state) {
    GpuSnapshot look = ports.gpus().snapshot();
    if (look.fault().isPresent() || look.at().isBefore(state.startedAt())) {
      return Optional.empty();
    }
    boolean allTold =
        look.devices().stream().allMatch(device -> device.presence() == Presence.READABLE);
    for (GpuUuid uuid : state.gpus()) {
      Optional<GpuDevice> device =
          look.devices().stream().filter(candidate -> candidate.uuid().equals(uuid)).findFirst();
      if (device.isEmpty() && allTold) {
        return Optional.of(lost(uuid, "it is gone from the machine"));
      }
      if (device.isPresent() && device.get().presence() == Presence.LOST) {
        return Optional.of(lost(uuid, device.get().fault().orElse("it does not answer")));
      }
    }
    return Optional.empty();
  }

  private static Ending lost(GpuUuid uuid, String why) {
    return new Ending.Broken("GPU " + uuid + " was lost: " + why, true);
  }

  /** What the newest finished measurement says; never waits for one. */
  private Optional<Ending> overrunSoFar(Job job) {
    return ports.watch().newest(job).map(over -> oversized(job, over));
  }

  /** Measures now: the container has ended, and nothing is late for it. */
  private Optional<Ending> overrunAtEnd(Job job) {
    return ports.watch().measure(job).map(over -> oversized(job, over));
  }

  private static Ending oversized(Job job, JobVolumes.Overrun over) {
    return new Ending.Broken(VolumeLimits.describe(job.request(), over), false);
  }

  // ---- STOPPING

  private StepOutcome stop(Job job, JobState.Stopping state) {
    ports.watch().forget(job.id());
    if (job.deletion().isPresent() && !(state.ending() instanceof Ending.DeletedBy)) {
      return ended(new Ending.DeletedBy(job.deletion().get().by()));
    }
    if (state.goneAt().isPresent()) {
      return release(job, state, state.goneAt().get());
    }
    ContainerName name = new ContainerName(job.id(), state.attempt());
    Optional<Observation> seen = ports.containers().inspect(name);
    if (seen.isEmpty()) {
      return new Advance(new JobEvent.ContainerGone(clock.instant()));
    }
    return switch (seen.get()) {
      case Observation.Running _ -> signal(job, state, name);
      case Observation.Created _ -> remove(name);
      case Observation.Exited exited -> removeWithOutput(job, state, name, exited);
    };
  }

  private StepOutcome removeWithOutput(
      Job job, JobState.Stopping state, ContainerName name, Observation.Exited exited) {
    Optional<String> lost = saveOutput(job, state, name, exited);
    StepOutcome outcome = remove(name);
    if (lost.isPresent() && outcome instanceof Again) {
      ports.ledger().note(job.id(), "output-lost", "its output could not be kept: " + lost.get());
    }
    return outcome;
  }

  private StepOutcome remove(ContainerName name) {
    ports.containers().remove(name);
    return ports.containers().inspect(name).isEmpty()
        ? new Again()
        : waitFor(RunSettings.STOP_INTERVAL);
  }

  /**
   * Tried for a while; then the GPUs matter more than the output. An engine that does not answer at
   * all is found out by the look before.
   *
   * @return why it is given up, if it is
   */
  private Optional<String> saveOutput(
      Job job, JobState.Stopping state, ContainerName name, Observation.Exited exited) {
    try {
      ports.output().save(name, outputFile(ports.volumes().paths(job.folder()), state.attempt()));
      return Optional.empty();
    } catch (ContainerException e) {
      Instant ended =
          exited.finishedAt().isAfter(state.since()) ? exited.finishedAt() : state.since();
      if (clock.instant().isBefore(ended.plus(RunSettings.OUTPUT_LIMIT))) {
        throw e;
      }
      return Optional.of(String.valueOf(e.getMessage()));
    }
  }

  private StepOutcome signal(Job job, JobState.Stopping state, ContainerName name) {
    Instant now = clock.instant();
    if (state.killAt().isEmpty()) {
      ports.containers().signal(name, Signal.TERM);
      return new Advance(
          new JobEvent.StopSignalled(
              now.plus(job.request().gracePeriod().orElse(settings.gracePeriod()))));
    }
    Instant killAt = state.killAt().get();
    if (!now.isBefore(killAt)) {
      ports.containers().signal(name, Signal.KILL);
    }
    Instant nextLook = now.plus(RunSettings.STOP_INTERVAL);
    return new Wait(now.isBefore(killAt) && killAt.isBefore(nextLook) ? killAt : nextLook);
  }

  private StepOutcome release(Job job, JobState.Stopping state, Instant goneAt) {
    Instant now = clock.instant();
    GpuSnapshot look = ports.gpus().snapshot();
    List<String> stillBusy =
        state.gpus().stream()
            .flatMap(
                gpu ->
                    DeviceFitness.stillBusyReason(look, gpu, goneAt).stream()
                        .map(reason -> gpu + " " + reason))
            .toList();
    if (!stillBusy.isEmpty() && now.isBefore(goneAt.plus(RunSettings.RELEASE_LIMIT))) {
      ports.gpus().requestLook();
      return waitFor(RunSettings.STOP_INTERVAL);
    }
    boolean retry = state.attempt() <= job.request().retries();
    return new Advance(
        new JobEvent.GpusReleased(now, now.plus(settings.uploadRetryFor()), retry, stillBusy));
  }

  /** Where the output of one run of a job is kept. */
  static Path outputFile(JobPaths paths, int attempt) {
    return paths.logs().resolve("run-" + attempt + ".log");
  }

  // ---- UPLOADING

  private StepOutcome upload(Job job, JobState.Uploading state) {
    Instant now = clock.instant();
    if (job.deletion().isPresent()) {
      return removeUploaded(job, state);
    }
    if (now.isBefore(state.notBefore())) {
      return new Wait(state.notBefore());
    }
    try {
      JobPaths paths = ports.volumes().reveal(job.folder());
      PublishedArtifacts published =
          publisher.publish(
              job.folder(), paths.model(), VolumeLimits.modelBytes(job.request()), deletionOf(job));
      return new Advance(new JobEvent.Uploaded(clock.instant(), published.file()));
    } catch (StorageException e) {
      return switch (e.kind()) {
        case CANCELLED -> new Again();
        case UNFIT -> unfit(e);
        case UNAVAILABLE, FULL, REFUSED -> uploadFailed(state, e);
      };
    }
  }

  /** The store has no part in it, and another try would find the same files. */
  private StepOutcome unfit(StorageException e) {
    return new Advance(
        new JobEvent.UploadGivenUp(
            clock.instant(), e.getMessage() + "; the files are kept on the server"));
  }

  private StepOutcome uploadFailed(JobState.Uploading state, StorageException e) {
    Instant now = clock.instant();
    Instant next = now.plus(pauseAfter(state.failedUploads()));
    // Waiting for its turn may have taken most of the window.
    boolean tried = state.failedUploads() + 1 >= RunSettings.UPLOAD_LEAST_TRIES;
    if (!e.retryable() || (tried && !now.isBefore(state.giveUpAt()))) {
      String reason =
          "artifacts could not be uploaded to "
              + ports.store().description()
              + ": "
              + e.getMessage()
              + "; they are kept on the server (gpurunner retry-upload)";
      return new Advance(new JobEvent.UploadGivenUp(now, reason));
    }
    return new Advance(
        new JobEvent.UploadPostponed(
            String.valueOf(e.getMessage()),
            // The last try falls on the end of the window.
            next.isBefore(state.giveUpAt()) || now.isAfter(state.giveUpAt())
                ? next
                : state.giveUpAt()));
  }

  private static Duration pauseAfter(int failedUploads) {
    Duration pause = RunSettings.UPLOAD_PAUSE;
    for (int i = 0; i < failedUploads && pause.compareTo(RunSettings.UPLOAD_PAUSE_LIMIT) < 0; i++) {
      pause = pause.multipliedBy(2);
    }
    return pause.compareTo(RunSettings.UPLOAD_PAUSE_LIMIT) < 0
        ? pause
        : RunSettings.UPLOAD_PAUSE_LIMIT;
  }

  private StepOutcome removeUploaded(Job job, JobState.Uploading state) {
    try {
      ports.store().deleteAll(job.folder());
    } catch (StorageException e) {
      if (e.retryable() && clock.instant().isBefore(state.giveUpAt())) {
        return waitFor(RunSettings.UPLOAD_PAUSE);
      }
      ports
          .ledger()
          .note(
              job.id(),
              "cleanup-failed",
              "what was uploaded so far could not be removed: " + e.getMessage());
    }
    return new Advance(new JobEvent.Removed(clock.instant(), job.deletion().orElseThrow().by()));
  }

  // ---- shared

  private StepOutcome ended(Ending ending) {
    return new Advance(new JobEvent.RunEnded(ending, clock.instant()));
  }

  private static Ending rebooted() {
    return new Ending.Broken("the host rebooted while the job ran", true);
  }

  private Optional<StepOutcome> endWhereDeleted(Job job) {
    return job.deletion().map(wish -> ended(new Ending.DeletedBy(wish.by())));
  }

  private Cancellation deletionOf(Job job) {
    return () -> ports.ledger().findLive(job.id()).flatMap(Job::deletion).isPresent();
  }

  private Wait waitForEngine(ContainerException e) {
    return new Wait(
        clock.instant().plus(RunSettings.ENGINE_PAUSE),
        Optional.of("waits for the container engine: " + e.getMessage()));
  }

  private Wait waitFor(Duration pause) {
    return new Wait(clock.instant().plus(pause));
  }
}
