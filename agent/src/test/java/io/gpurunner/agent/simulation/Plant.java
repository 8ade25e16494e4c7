package io.gpurunner.agent.simulation;

import io.gpurunner.agent.callback.CallbackSender;
import io.gpurunner.agent.container.ContainerRuntime;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.run.RunParts;
import io.gpurunner.agent.run.StepOutcome;
import io.gpurunner.storage.ArtifactStore;
import java.util.function.Function;

/** A bug put into the agent from outside, to see that it is found. Here: none. */
interface Plant {
  /** The agent as it is. */
  Plant NONE = new Plant() {};

  default ArtifactStore store(SimulatedStore store, Simulation simulation) {
    return store;
  }

  default ContainerRuntime engine(SimulatedEngine engine, Simulation simulation) {
    return engine;
  }

  default CallbackSender sender(SimulatedReceiver receiver, Simulation simulation) {
    return receiver;
  }

  default String bootId(String bootId) {
    return bootId;
  }

  /** Whether commits are synced before anybody is told. */
  default boolean syncs(Simulation simulation) {
    return true;
  }

  default Function<Job, StepOutcome> steps(
      Function<Job, StepOutcome> steps, Simulation simulation, RunParts.Machine machine) {
    return steps;
  }
}
