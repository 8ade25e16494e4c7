package io.gpurunner.agent.simulation;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerRef;
import io.gpurunner.agent.container.ContainerRuntime;
import io.gpurunner.agent.container.ContainerSpec;
import io.gpurunner.agent.container.LabelledContainer;
import io.gpurunner.agent.container.Observation;
import io.gpurunner.agent.container.StopRequest;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/** Watches what the agent asks of the engine, at the moment of the call. One thread. */
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
    simulation.invariants.decided(spec.name().job().value(), "has a container made");
    call(() -> real.create(spec));
  }

  @Override
  public void start(ContainerRef container) {
    simulation.invariants.decided(container.name().job().value(), "has its container started");
    call(() -> real.start(container));
  }

  @Override
  public Optional<Observation> inspect(ContainerRef container) {
    return ask(() -> real.inspect(container));
  }

  @Override
  public StopRequest askToStop(ContainerRef container, StopRequest earlier) {
    return ask(() -> real.askToStop(container, earlier));
  }

  @Override
  public void kill(ContainerRef container) {
    call(() -> real.kill(container));
  }

  @Override
  public void remove(ContainerRef container) {
    call(() -> real.remove(container));
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
