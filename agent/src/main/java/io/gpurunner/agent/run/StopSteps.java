package io.gpurunner.agent.run;

import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerRef;
import io.gpurunner.agent.container.Observation;
import io.gpurunner.agent.job.Ending;
import io.gpurunner.agent.job.FailedRuns;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobEvent;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.run.ContainerLooks.Look;
import io.gpurunner.agent.run.NextStep.Verdict;
import io.gpurunner.agent.run.StepOutcome.Advance;
import io.gpurunner.agent.run.StepOutcome.Again;
import io.gpurunner.api.GpuUse;
import io.gpurunner.gpu.DeviceFitness;
import io.gpurunner.gpu.GpuSnapshot;
import java.time.Clock;
import java.time.Instant;
import java.util.List;
import java.util.function.Consumer;

/**
 * The step of a job in state STOPPING: stops its programs, completes its output, removes its
 * container, and ends its leases. Thread-safe.
 */
final class StopSteps {
  private final StepPorts ports;
  private final RunSettings settings;
  private final Clock clock;
  private final CommonOutcomes outcomes;
  private final StartFailures failures;
  private final ContainerLooks looks;
  private final OutputCopies copies;
  private final Consumer<ContainerName> gone;
  private final StopSignals signals;

  /**
   * @param gone gets each run whose container is gone
   */
  StopSteps(
      StepPorts ports,
      RunSettings settings,
      Clock clock,
      CommonOutcomes outcomes,
      StartFailures failures,
      ContainerLooks looks,
      OutputCopies copies,
      Consumer<ContainerName> gone) {
    this.ports = ports;
    this.settings = settings;
    this.clock = clock;
    this.outcomes = outcomes;
    this.failures = failures;
    this.looks = looks;
    this.copies = copies;
    this.gone = gone;
    this.signals = new StopSignals(ports, settings, clock, outcomes);
  }

  StepOutcome stop(Job job, JobState.Stopping state) {
    ports.watch().forget(job.id());
    if (job.deletion().isPresent() && !(state.ending() instanceof Ending.DeletedBy)) {
      return outcomes.ended(new Ending.DeletedBy(job.deletion().get().by()));
    }
    if (state.goneAt().isPresent()) {
      ContainerName run = ContainerLooks.nameOf(job, state);
      gone.accept(run);
      signals.forget(run);
      failures.forget(ContainerLooks.containerOf(job, state));
      copies.abandon(job, state, ContainerLooks.containerOf(job, state));
      return release(job, state, state.goneAt().get());
    }
    ContainerRef container = ContainerLooks.containerOf(job, state);
    Look look = looks.look(job, state);
    if (state.ending() instanceof Ending.NotStarted && hasRun(look)) {
      return outcomes.ended(new Ending.Broken(ContainerLooks.reason(Verdict.FAIL_DOUBTFUL), true));
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
      case REMOVE -> remove(job, state, container);
      case SIGNAL -> {
        copies.follow(job, state, container);
        yield signals.next(job, state, container);
      }
      case SAVE_AND_REMOVE -> removeWithOutput(job, state, container, look);
      case Verdict other -> throw ContainerLooks.unforeseen(state, other);
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

  /** Removes a container that this engine takes for created. It has run if its start is known. */
  private StepOutcome remove(Job job, JobState.Stopping state, ContainerRef container) {
    if (state.startedAt().isPresent()) {
      copies.finish(job, state, container);
    }
    return looks.remove(container);
  }

  private StepOutcome removeWithOutput(
      Job job, JobState.Stopping state, ContainerRef container, Look look) {
    boolean sameRunBeginsAgain = state.ending() instanceof Ending.NotStarted;
    if (!sameRunBeginsAgain) {
      copies.finish(job, state, container);
    }
    StepOutcome outcome = looks.remove(container);
    if (outcome instanceof Again
        && look.observation().orElseThrow() instanceof Observation.Exited exited) {
      signals.noteEnd(job, state, exited);
    }
    return outcome;
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
}
