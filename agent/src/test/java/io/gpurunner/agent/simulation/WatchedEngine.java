package io.gpurunner.agent.simulation;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerRuntime;
import io.gpurunner.agent.container.ContainerSpec;
import io.gpurunner.agent.container.LabelledContainer;
import io.gpurunner.agent.container.Observation;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/** What the agent asks of the engine, seen at the moment of asking. One thread. */
final class WatchedEngine implements ContainerRuntime {
  private final ContainerRuntime real;
  private final Simulation simulation;
  private final SimulatedAgent agent;

  WatchedEngine(ContainerRuntime real, Simulation simulation, SimulatedAgent agent) {
    this.real = real;
    this.simulation = simulation;
    this.agent = agent;
  }

  @Override
  public void create(ContainerSpec spec) {
    simulation.invariants.decided(spec.name().job(), "has a container made");
    call(() -> real.create(spec));
  }

  @Override
  public void start(ContainerName name) {
    simulation.invariants.decided(name.job(), "has its container started");
    call(() -> real.start(name));
  }

  @Override
  public Optional<Observation> inspect(ContainerName name) {
    return ask(() -> real.inspect(name));
  }

  @Override
  public void signal(ContainerName name, Signal signal) {
    call(() -> real.signal(name, signal));
  }

  @Override
  public void remove(ContainerName name) {
    call(() -> real.remove(name));
  }

  @Override
  public void endProcesses(String containerId) {
    call(() -> real.endProcesses(containerId));
  }

  @Override
  public List<LabelledContainer> list() {
    return ask(real::list);
  }

  @Override
  public void discard(LabelledContainer container) {
    call(() -> real.discard(container));
  }

  private void call(Runnable effect) {
    ask(
        () -> {
          effect.run();
          return true;
        });
  }

  private <T> T ask(Supplier<T> question) {
    try {
      return question.get();
    } catch (ContainerException e) {
      agent.metFault();
      throw e;
    }
  }
}
