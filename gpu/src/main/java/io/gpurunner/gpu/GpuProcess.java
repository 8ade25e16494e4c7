package io.gpurunner.gpu;

import java.util.Optional;
import java.util.OptionalLong;

/**
 * A process that has a device open for computing or for drawing.
 *
 * @param pid process id in the host's pid namespace
 * @param usedMemoryBytes device memory that it holds; empty if the driver does not tell
 * @param kind what it does there
 * @param facts what the kernel knows of it; empty if it has ended meanwhile
 * @param ignored whether it does not keep the device from jobs: a desktop's own process
 */
public record GpuProcess(
    int pid,
    OptionalLong usedMemoryBytes,
    Kind kind,
    Optional<ProcessFacts> facts,
    boolean ignored) {

  /** What a process does on a device. */
  public enum Kind {
    /** It computes, and perhaps it draws. */
    COMPUTE,
    /** It only draws. */
    GRAPHICS
  }

  /** Describes a computing process of which the kernel was not asked. */
  public GpuProcess(int pid, long usedMemoryBytes) {
    this(pid, OptionalLong.of(usedMemoryBytes), Kind.COMPUTE, Optional.empty(), false);
  }

  GpuProcess with(Optional<ProcessFacts> known, boolean isIgnored) {
    return new GpuProcess(pid, usedMemoryBytes, kind, known, isIgnored);
  }

  GpuProcess of(Kind other) {
    return new GpuProcess(pid, usedMemoryBytes, other, facts, ignored);
  }

  /** Returns it in words: {@code process 4242 (python3 of ann, 512 MiB)}. */
  public String words() {
    String memory = usedMemoryBytes.isPresent() ? (usedMemoryBytes.getAsLong() >> 20) + " MiB" : "";
    String who = facts.map(ProcessFacts::words).orElse("");
    String inside = who.isEmpty() || memory.isEmpty() ? who + memory : who + ", " + memory;
    return "process "
        + Integer.toUnsignedString(pid)
        + (inside.isEmpty() ? "" : " (" + inside + ")");
  }
}
