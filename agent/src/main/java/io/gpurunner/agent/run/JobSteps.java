package io.gpurunner.agent.run;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.Images;
import io.gpurunner.agent.container.RegistryAccess;
import io.gpurunner.agent.job.Ending;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobEvent;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.run.StepOutcome.Advance;
import io.gpurunner.agent.run.StepOutcome.Again;
import io.gpurunner.agent.run.StepOutcome.Idle;
import io.gpurunner.api.ImageReference;
import io.gpurunner.api.JobId;
import io.gpurunner.api.Shown;
import io.gpurunner.storage.ArtifactPublisher;
import io.gpurunner.storage.FileWork;
import io.gpurunner.storage.JobFolder;
import io.gpurunner.storage.StorageException;
import java.time.Clock;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes one step of a job. A step reads the job's state, has one effect through a port, and returns
 * what to commit. Every effect can be repeated. After a crash the same step is made again, and
 * there is no other recovery. Holds only which jobs wait for a turn. Thread-safe.
 */
public final class JobSteps {
  /** The largest number of images that are looked for or pulled at a time. */
  static final int PULLS_LIMIT = 64;

  /** The largest number of them for one user. A registry of his own may answer very slowly. */
  static final int PULLS_OF_A_USER_LIMIT = 4;

  private static final Logger log = LoggerFactory.getLogger(JobSteps.class);

  private final StepPorts ports;
  private final RunSettings settings;
  private final Clock clock;
  private final CommonOutcomes outcomes;
  private final StartFailures failures;
  private final ContainerLooks looks;
  private final StartSteps startSteps;
  private final RunSteps runSteps;
  private final StopSteps stopSteps;
  private final UploadSteps uploadSteps;
  private final Turns copying;
  private final Turns pulling;
  private final Turns syncing;
  private final Turns uploading;

  public JobSteps(StepPorts ports, RunSettings settings, Clock clock) {
    this.ports = ports;
    this.settings = settings;
    this.clock = clock;
    this.outcomes = new CommonOutcomes(ports.ledger(), clock);
    this.failures = new StartFailures(ports.ledger(), ports.gate(), outcomes, clock);
    this.looks = new ContainerLooks(ports.containers(), settings.bootId(), outcomes);
    OutputCopies copies = new OutputCopies(ports.keeper(), ports.volumes(), ports.ledger(), clock);
    this.startSteps = new StartSteps(ports, settings, outcomes, failures, looks);
    this.runSteps = new RunSteps(ports, clock, outcomes, looks, copies);
    this.stopSteps =
        new StopSteps(ports, settings, clock, outcomes, failures, looks, copies, runSteps::forget);
    this.copying =
        new Turns(
            FileWork.COPYING_LIMIT,
            FileWork.COPYING_LIMIT - 1,
            "to copy the checkpoints it resumes from",
            clock);
    this.syncing = new Turns(1, 1, "to have its files written to disk", clock);
    this.uploading =
        new Turns(
            ArtifactPublisher.AT_A_TIME, ArtifactPublisher.AT_A_TIME - 1, "to be uploaded", clock);
    this.pulling = new Turns(PULLS_LIMIT, PULLS_OF_A_USER_LIMIT, "to have its image pulled", clock);
    this.uploadSteps =
        new UploadSteps(ports, settings.bootId(), clock, outcomes, syncing, uploading);
  }

  /**
   * @param wake called with each job whose wait for a turn is over; must not block
   */
  void listen(Consumer<JobId> wake) {
    turns().forEach(turns -> turns.listen(wake));
  }

  private List<Turns> turns() {
    return List.of(copying, pulling, syncing, uploading);
  }

  /** Makes the next step of a job that was read from the ledger just now. */
  StepOutcome step(Job job) {
    try {
      return stepNow(job);
    } finally {
      turns().forEach(turns -> turns.stepped(job.id()));
    }
  }

  private StepOutcome stepNow(Job job) {
    try {
      return switch (job.state()) {
        case JobState.Queued _, JobState.Final _ -> new Idle();
        case JobState.Preparing preparing -> prepare(job, preparing);
        case JobState.Pulling state -> pulling.take(job, () -> pull(job, state));
        case JobState.Starting starting -> startSteps.start(job, starting);
        case JobState.Running running -> runSteps.run(job, running);
        case JobState.Stopping stopping -> stopSteps.stop(job, stopping);
        case JobState.Uploading uploading -> uploadSteps.upload(job, uploading);
      };
    } catch (ContainerException e) {
      return outcomes.waitForEngine(e);
    }
  }

  // ---- PREPARING

  private StepOutcome prepare(Job job, JobState.Preparing state) {
    Optional<StepOutcome> deleted = outcomes.endIfDeleted(job);
    if (deleted.isPresent()) {
      return deleted.get();
    }
    Optional<StepOutcome> foreign = looks.requireNone(job, state);
    if (foreign.isPresent()) {
      return foreign.get();
    }
    boolean copies = state.attempt() == 1 && job.request().resumeFrom().isPresent();
    return copies
        ? copying.take(job, () -> prepareDirectories(job, job.request().resumeFrom()))
        : prepareDirectories(job, Optional.empty());
  }

  private StepOutcome prepareDirectories(Job job, Optional<JobId> seed) {
    long checkpointLimit = RequestedVolumes.checkpointBytes(job.request());
    long modelLimit = RequestedVolumes.modelBytes(job.request());
    try {
      ports.volumes().prepare(job.folder(), checkpointLimit, modelLimit);
      if (seed.isPresent()) {
        ports
            .volumes()
            .seedCheckpoint(
                job.folder(),
                checkpointLimit,
                new JobFolder(seed.get().value()),
                outcomes.deletionOf(job));
      }
    } catch (StorageException e) {
      return switch (e.kind()) {
        case CANCELLED -> new Again();
        case UNAVAILABLE -> outcomes.waitForFiles(e);
        case FULL ->
            outcomes.ended(
                new Ending.NotStarted(String.valueOf(e.getMessage()), Ending.Cause.MACHINE));
        case REFUSED, UNFIT ->
            seed.isEmpty()
                ? failures.unexplained(job, String.valueOf(e.getMessage()))
                : outcomes.ended(new Ending.Broken(String.valueOf(e.getMessage()), false));
      };
    }
    return new Advance(new JobEvent.Prepared(clock.instant()));
  }

  // ---- PULLING

  private StepOutcome pull(Job job, JobState.Pulling state) {
    Optional<StepOutcome> deleted = outcomes.endIfDeleted(job);
    if (deleted.isPresent()) {
      return deleted.get();
    }
    Optional<StepOutcome> foreign = looks.requireNone(job, state);
    if (foreign.isPresent()) {
      return foreign.get();
    }
    ImageReference image = job.request().image();
    RegistryAccess access = ports.registries().of(job.user());
    try {
      Images.Found found = ports.images().ensurePresent(image, access, outcomes.deletionOf(job));
      ports.imageKeeper().used(image, found);
      return new Advance(
          new JobEvent.Pulled(settings.bootId(), Optional.of(found.digest()), found.note()));
    } catch (ContainerException e) {
      return notPulled(job, state, e);
    }
  }

  /** The text of the registry goes to the log only. The user may have no other way to read it. */
  private StepOutcome notPulled(Job job, JobState.Pulling state, ContainerException e) {
    String what = "image " + job.request().image() + " could not be pulled";
    String reason = what + ": " + e.words();
    if (e.kind() != ContainerException.Kind.CANCELLED
        && e.kind() != ContainerException.Kind.UNREACHABLE) {
      log.info("{} has no image: {}", job.id(), Shown.logged(String.valueOf(e.getMessage())));
    }
    return switch (e.kind()) {
      case CANCELLED -> new Again();
      case UNREACHABLE -> outcomes.waitForEngine(e);
      case REFUSED -> outcomes.ended(new Ending.Broken(reason, false));
      case MACHINE_UNFIT, GPUS_UNFIT -> failures.ended(job, state, what, e);
      case FAILED, ABSENT -> failures.notPulled(job, reason, settings.pullRetryFor());
    };
  }

  /** Does what an event that could not be committed calls for, if it cannot wait. */
  void enforceUnrecorded(Job job, JobEvent event) {
    try {
      stopSteps.enforceUnrecorded(job, event);
    } catch (ContainerException e) {
      log.warn("{} could not be stopped, trying again: {}", job.id(), e.getMessage());
    }
  }
}
