package io.gpurunner.agent.run;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerRef;
import io.gpurunner.agent.job.Ending;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Setback;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.agent.run.StartGate.Part;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Decides what a start that failed means: that the machine is unfit, so that the job goes back to
 * the queue, or that the job is at fault (docs/adr/017). Holds which calls were not answered.
 * Thread-safe.
 */
final class StartFailures {
  private final StartGate gate;
  private final CommonOutcomes outcomes;
  private final Clock clock;

  /** When the last call for a container was given up. Until some time later it may take effect. */
  private final Map<ContainerName, Instant> unanswered = new ConcurrentHashMap<>();

  StartFailures(JobLedger ledger, StartGate gate, CommonOutcomes outcomes, Clock clock) {
    this.gate = gate;
    this.outcomes = outcomes;
    this.clock = clock;
    // Calls of an agent that died may still be on their way.
    Instant now = clock.instant();
    for (Job job : ledger.live()) {
      if (job.state() instanceof JobState.Starting starting) {
        unanswered.put(new ContainerName(job.id(), starting.attempt()), now);
      }
    }
  }

  /** Notes a call that the engine did not answer. */
  void notAnswered(ContainerRef container) {
    unanswered.put(container.name(), clock.instant());
  }

  void forget(ContainerRef container) {
    unanswered.remove(container.name());
  }

  /**
   * Returns whether an earlier call to create or start this container may still take effect. Then
   * the run cannot be called off, for it would run beside the next one.
   */
  boolean mayStillStart(ContainerRef container) {
    return Optional.ofNullable(unanswered.get(container.name()))
        .filter(at -> !outcomes.isOver(at.plus(RunSettings.LATE_START), RunSettings.LATE_START))
        .isPresent();
  }

  /**
   * Returns how a run ends whose container could not be started.
   *
   * @param what what could not be done, for the user
   */
  StepOutcome ended(Job job, JobState.Placed state, String what, ContainerException e) {
    String reason = what + ": " + e.words();
    return switch (e.kind()) {
      case MACHINE_UNFIT -> unfit(job, state, reason, e);
      case GPUS_UNFIT ->
          state.gpus().isEmpty()
              ? unexplained(job, state, reason, e) // no GPU can be the cause
              : unfit(job, state, reason, e);
      case FAILED -> unexplained(job, state, reason, e);
      case REFUSED ->
          outcomes.ended(
              new Ending.Broken(
                  StartRefusal.explain(job.request(), e.words())
                      .map(explained -> what + ": " + explained)
                      .orElse(reason),
                  false));
      case UNREACHABLE, ABSENT, CANCELLED -> outcomes.waitForEngine(e);
    };
  }

  private StepOutcome unfit(Job job, JobState.Placed state, String reason, ContainerException e) {
    String why = e.words();
    // If the agent's own container started after this job was refused before, other jobs go on
    // until a try shows that they cannot.
    if (job.setback().isEmpty()) {
      if (e.kind() == Kind.GPUS_UNFIT) {
        gate.closeGpus(state.gpus(), why);
      } else {
        gate.close(StartGate.ENGINE, why);
      }
    }
    doubt(state, e);
    return outcomes.ended(new Ending.NotStarted(reason, Ending.Cause.MACHINE));
  }

  private StepOutcome unexplained(
      Job job, JobState.Placed state, String reason, ContainerException e) {
    if (isClosedFor(state)) {
      return outcomes.ended(new Ending.NotStarted(reason, Ending.Cause.MACHINE));
    }
    doubt(state, e);
    return unexplained(job, reason);
  }

  /** Asks for a trial of what this start needed. */
  void doubt(JobState.Placed state, ContainerException e) {
    String why = e.words();
    gate.doubt(StartGate.ENGINE, why);
    // Only a container with these GPUs may meet this trouble.
    state.gpus().forEach(uuid -> gate.doubt(new Part.Gpu(uuid), why));
  }

  /** Returns how a run ends that could not begin for a reason that nothing explains. */
  StepOutcome unexplained(Job job, String reason) {
    int count = job.setback().map(Setback::unexplained).orElse(0) + 1;
    return outcomes.ended(
        count < Setback.UNEXPLAINED_LIMIT
            ? new Ending.NotStarted(reason, Ending.Cause.UNKNOWN)
            : new Ending.Broken(reason + " (" + count + " starts failed)", true));
  }

  /** Returns how a run ends whose image could not be pulled, if a retry may help. */
  StepOutcome notPulled(Job job, String reason, Duration retryFor) {
    boolean isOver =
        job.setback()
            .flatMap(Setback::pullsFailSince)
            .map(since -> !clock.instant().isBefore(since.plus(retryFor)))
            .orElse(retryFor.isZero());
    return outcomes.ended(
        isOver
            ? new Ending.Broken(reason, false)
            : new Ending.NotStarted(reason, Ending.Cause.REGISTRY));
  }

  private boolean isClosedFor(JobState.Placed state) {
    return gate.whyClosed().isPresent()
        || state.gpus().stream().anyMatch(uuid -> gate.whyClosed(uuid).isPresent());
  }
}
