package io.gpurunner.agent.container;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Collectors;

/** An engine that answers what a test wants. Thread-safe. */
public final class FakeEngineProbe implements EngineProbe {
  private volatile Optional<RuntimeException> fault = Optional.empty();
  private volatile Optional<ContainerException> startFault = Optional.empty();
  private volatile Optional<Path> dataRoot = Optional.empty();
  private volatile Optional<String> gpuFault = Optional.empty();
  private volatile GpuAccess gpuAccess = GpuAccess.NONE;
  private volatile String process = "engine-1";
  private final Map<String, ContainerException> gpuFaults = new ConcurrentHashMap<>();
  private final List<String> tries = new CopyOnWriteArrayList<>();
  private volatile Set<Integer> lost = Set.of();
  private volatile Runnable duringTry = () -> {};
  private volatile List<String> weaknesses = List.of();

  /** Makes every question fail, or none. */
  public void fault(Optional<RuntimeException> failure) {
    fault = failure;
  }

  /** Makes every start of a container of the agent's own fail, or none. */
  public void startFault(Optional<ContainerException> failure) {
    startFault = failure;
  }

  /** Lets something happen while a container of the agent's own is started. */
  public void duringTry(Runnable event) {
    duringTry = event;
  }

  /** Sets how GPUs reach containers, and the process that the engine is. */
  public void gpuAccess(GpuAccess way, String engineProcess) {
    gpuAccess = way;
    process = engineProcess;
  }

  /** Makes every container fail that gets this GPU, or none. */
  public void gpuFault(String uuid, Optional<ContainerException> failure) {
    failure.ifPresentOrElse(e -> gpuFaults.put(uuid, e), () -> gpuFaults.remove(uuid));
  }

  /** Containers lack the device nodes with these numbers. */
  public void loseNodes(Set<Integer> minors) {
    lost = minors;
  }

  /** No GPU can reach a container. */
  public void gpuFault(Optional<String> why) {
    gpuFault = why;
  }

  /** Sets what is weak about the programs under the agent. */
  public void weaknesses(List<String> sentences) {
    weaknesses = List.copyOf(sentences);
  }

  public void dataRoot(Path directory) {
    dataRoot = Optional.of(directory);
  }

  /** Returns the GPU of each start that was tried; an empty text stands for none. */
  public List<String> tries() {
    return new ArrayList<>(tries);
  }

  @Override
  public EngineFacts probe() {
    fault.ifPresent(
        failure -> {
          throw failure;
        });
    return new EngineFacts("28.1", process, gpuAccess, gpuFault, Optional.empty(), dataRoot);
  }

  @Override
  public List<String> weaknesses() {
    fault.ifPresent(
        failure -> {
          throw failure;
        });
    return weaknesses;
  }

  @Override
  public Optional<ContainerRoot> containerRoot() {
    return Optional.empty();
  }

  @Override
  public void tryStart() {
    start("");
  }

  @Override
  public void tryGpu(String uuid, OptionalInt minor) {
    start(uuid);
    ContainerException failure = gpuFaults.get(uuid);
    if (failure != null) {
      throw failure;
    }
  }

  @Override
  public Set<Integer> missingNodes(String containerId, Set<Integer> minors) {
    return minors.stream().filter(lost::contains).collect(Collectors.toSet());
  }

  private void start(String gpu) {
    tries.add(gpu);
    Optional<ContainerException> failure = startFault;
    duringTry.run();
    failure.ifPresent(
        thrown -> {
          throw thrown;
        });
  }
}
