package io.gpurunner.gpu;

import java.time.Clock;
import java.util.List;
import java.util.Optional;

/** A machine without GPUs: only jobs with {@code gpuNumber} 0 run here. Thread-safe. */
public final class NoGpuInventory implements GpuInventory {
  private final Clock clock;

  public NoGpuInventory(Clock clock) {
    this.clock = clock;
  }

  @Override
  public GpuSnapshot snapshot() {
    return new GpuSnapshot(clock.instant(), List.of(), Optional.empty());
  }

  @Override
  public void requestLook() {
    // There is nothing to look at.
  }

  @Override
  public String description() {
    return "no GPUs: only jobs with gpuNumber 0 run here";
  }

  @Override
  public void close() {
    // Nothing is held.
  }
}
