package io.gpurunner.gpu;

import java.util.Optional;

/**
 * A process with a compute context on a device.
 *
 * @param pid process id in the host's pid namespace
 * @param usedMemoryBytes device memory that it holds; 0 if the driver does not report it
 * @param facts what the kernel knows of it; empty if it has ended meanwhile
 */
public record GpuProcess(int pid, long usedMemoryBytes, Optional<ProcessFacts> facts) {
  /** Describes a process of which the kernel was not asked. */
  public GpuProcess(int pid, long usedMemoryBytes) {
    this(pid, usedMemoryBytes, Optional.empty());
  }

  GpuProcess asTheKernelKnowsIt() {
    return new GpuProcess(pid, usedMemoryBytes, ProcessFacts.of(pid));
  }

  /** Returns it in words: {@code process 4242 (python3 of ann)}. */
  String words() {
    return "process "
        + Integer.toUnsignedString(pid)
        + facts.map(known -> " (" + known.words() + ")").orElse("");
  }
}
