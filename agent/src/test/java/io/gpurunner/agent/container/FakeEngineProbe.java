package io.gpurunner.agent.container;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;

/** An engine that answers what a test wants. Thread-safe. */
public final class FakeEngineProbe implements EngineProbe {
  private volatile Optional<RuntimeException> fault = Optional.empty();
  private volatile Optional<ContainerException> startFault = Optional.empty();
  private volatile Optional<Path> dataRoot = Optional.empty();
  private final List<List<String>> tries = new CopyOnWriteArrayList<>();
  private volatile Runnable duringTry = () -> {};

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

  public void dataRoot(Path directory) {
    dataRoot = Optional.of(directory);
  }

  /** Returns the GPUs of each start that was tried. */
  public List<List<String>> tries() {
    return new ArrayList<>(tries);
  }

  @Override
  public EngineFacts probe() {
    fault.ifPresent(
        failure -> {
          throw failure;
        });
    return new EngineFacts("28.1", GpuAccess.NONE, dataRoot);
  }

  @Override
  public void tryStart(List<String> gpus) {
    tries.add(gpus);
    Optional<ContainerException> failure = startFault;
    duringTry.run();
    failure.ifPresent(
        thrown -> {
          throw thrown;
        });
  }
}
