package io.gpurunner.agent.run;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerRef;
import io.gpurunner.agent.container.Observation;
import io.gpurunner.agent.job.Ending;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobEvent;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.run.ContainerLooks.Look;
import io.gpurunner.agent.run.NextStep.Verdict;
import io.gpurunner.agent.run.StepOutcome.Advance;
import io.gpurunner.agent.run.StepOutcome.Again;
import io.gpurunner.api.StopRule;
import io.gpurunner.gpu.DeviceFitness;
import io.gpurunner.gpu.GpuSnapshot;
import io.gpurunner.gpu.GpuUuid;
import io.gpurunner.storage.StorageException;
import java.time.Instant;
import java.util.Optional;

/** The step of a job in state STARTING: creates and starts its container. Thread-safe. */
final class StartSteps {
  private final StepPorts ports;
  private final RunSettings settings;
  private final CommonOutcomes outcomes;
  private final StartFailures failures;
  private final ContainerLooks looks;

  StartSteps(
      StepPorts ports,
      RunSettings settings,
      CommonOutcomes outcomes,
      StartFailures failures,
      ContainerLooks looks) {
    this.ports = ports;
    this.settings = settings;
    this.outcomes = outcomes;
    this.failures = failures;
    this.looks = looks;
  }

  /**
   * Creates and starts the container. Each effect is preceded by {@code confirm}, because an
   * earlier commit with the outcome UNKNOWN may have reached the disk since the job was read.
   */
  StepOutcome start(Job job, JobState.Starting state) {
    Optional<StepOutcome> deleted = outcomes.endIfDeleted(job);
    if (deleted.isPresent()) {
      return deleted.get();
    }
    ContainerRef container = ContainerLooks.containerOf(job, state);
    Look look = looks.look(job, state);
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
          looks.fail(look.verdict());
      case Verdict other -> throw ContainerLooks.unforeseen(state, other);
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
        looks
            .inspect(container)
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
      return looks.remove(container);
    } catch (ContainerException e) {
      throw ContainerLooks.unanswered(e);
    }
  }

  private StepOutcome create(Job job, JobState.Starting state, ContainerName name) {
    ports.ledger().confirm(job);
    try {
      ports.containers().create(ports.specs().specFor(job, name, state.gpus()));
      failures.forget(ContainerLooks.containerOf(job, state));
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
}
