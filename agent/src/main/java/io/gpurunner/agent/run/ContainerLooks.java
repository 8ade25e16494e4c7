package io.gpurunner.agent.run;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerRef;
import io.gpurunner.agent.container.ContainerRuntime;
import io.gpurunner.agent.container.Observation;
import io.gpurunner.agent.job.Ending;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.run.NextStep.Boot;
import io.gpurunner.agent.run.NextStep.Phase;
import io.gpurunner.agent.run.NextStep.Seen;
import io.gpurunner.agent.run.NextStep.Verdict;
import io.gpurunner.agent.run.StepOutcome.Again;
import java.util.Optional;

/**
 * Looks at the containers of jobs. {@link NextStep} says what a step has to do after a look.
 * Thread-safe.
 */
final class ContainerLooks {
  private final ContainerRuntime containers;
  private final String bootId;
  private final CommonOutcomes outcomes;

  /**
   * @param bootId the current boot of this machine
   */
  ContainerLooks(ContainerRuntime containers, String bootId, CommonOutcomes outcomes) {
    this.containers = containers;
    this.bootId = bootId;
    this.outcomes = outcomes;
  }

  /** What the step does, and what the engine says of the container now. */
  record Look(Verdict verdict, Seen seen, Optional<Observation> observation) {
    Observation.Ran ran() {
      return (Observation.Ran) observation.orElseThrow();
    }

    Observation.Exited exited() {
      return (Observation.Exited) observation.orElseThrow();
    }
  }

  Look look(Job job, JobState.Placed state) {
    Optional<Observation> observation = inspect(containerOf(job, state));
    Seen seen = Seen.of(state, observation);
    return new Look(NextStep.of(Phase.of(state), seen, Boot.of(state, bootId)), seen, observation);
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

  /** Returns the name of the container of a job's current attempt. */
  static ContainerName nameOf(Job job, JobState.Placed state) {
    return new ContainerName(job.id(), state.attempt());
  }

  /** Looks at the container. If the engine refuses the look, nothing is known of the container. */
  Optional<Observation> inspect(ContainerRef container) {
    try {
      return containers.inspect(container);
    } catch (ContainerException e) {
      throw unanswered(e);
    }
  }

  /** Returns an exception that says of the same failure that nothing is known. */
  static ContainerException unanswered(ContainerException e) {
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

  /** Removes a container, and waits until it is seen gone. */
  StepOutcome remove(ContainerRef container) {
    containers.remove(container);
    return inspect(container).isEmpty() ? new Again() : outcomes.waitFor(RunSettings.STOP_INTERVAL);
  }

  /** Ends a run that the verdict calls failed. */
  StepOutcome fail(Verdict verdict) {
    return outcomes.ended(new Ending.Broken(reason(verdict), true));
  }

  /** Returns why a run failed, for the user. */
  static String reason(Verdict verdict) {
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

  static IllegalStateException unforeseen(JobState state, Verdict verdict) {
    return new IllegalStateException(state.label() + " cannot " + verdict.words());
  }
}
