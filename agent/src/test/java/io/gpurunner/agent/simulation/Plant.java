package io.gpurunner.agent.simulation;

import io.gpurunner.agent.callback.CallbackSender;
import io.gpurunner.agent.container.ContainerRuntime;
import io.gpurunner.agent.container.EngineProbe;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.ledger.disk.LedgerStore;
import io.gpurunner.agent.run.RunParts;
import io.gpurunner.agent.run.StepOutcome;
import io.gpurunner.api.JobId;
import io.gpurunner.api.Jobs;
import io.gpurunner.gpu.GpuInventory;
import io.gpurunner.storage.ArtifactStore;
import io.gpurunner.storage.JobVolumes;
import java.time.Duration;
import java.util.List;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * A bug that is planted into the agent from outside, to see that it is found. The defaults plant
 * none.
 */
interface Plant {
  /** Plants no bug. */
  Plant NONE = new Plant() {};

  default ArtifactStore store(SimulatedStore store, Simulation simulation) {
    return store;
  }

  default ContainerRuntime engine(SimulatedEngine engine, Simulation simulation) {
    return engine;
  }

  /** Returns what tells whether the engine can start containers. */
  default EngineProbe probe(SimulatedEngine engine) {
    return engine;
  }

  /** Returns whether the engine's adapter looks at a container again before it starts it. */
  default boolean looksBeforeStart() {
    return true;
  }

  default CallbackSender sender(SimulatedReceiver receiver, Simulation simulation) {
    return receiver;
  }

  default GpuInventory gpus(GpuInventory gpus) {
    return gpus;
  }

  default JobVolumes volumes(Simulation simulation, Port port) {
    return new SimulatedVolumes(simulation, port);
  }

  default String bootId(String bootId) {
    return bootId;
  }

  /** Returns whether commits are synced before they are answered. */
  default boolean syncs(Simulation simulation) {
    return true;
  }

  /** Returns what the ledger is stored in. */
  default LedgerStore ledger(LedgerStore store, Simulation simulation) {
    return store;
  }

  /** Returns what users call. */
  default Jobs desk(Jobs desk, Simulation simulation) {
    return desk;
  }

  /** Returns how long the files of ended jobs are kept. */
  default Duration keepFor(Duration keepFor) {
    return keepFor;
  }

  /** Returns the queued jobs that the dispatcher decides about. */
  default List<Job> queue(List<Job> queued, Simulation simulation) {
    return queued;
  }

  /** Returns what decides whether the files of an ended job may be removed. */
  default Predicate<JobId> givingUp(Predicate<JobId> givingUp) {
    return givingUp;
  }

  default Function<Job, StepOutcome> steps(
      Function<Job, StepOutcome> steps, Simulation simulation, RunParts.Machine machine) {
    return steps;
  }
}
