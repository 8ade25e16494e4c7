package io.gpurunner.api;

import java.util.List;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * What a run of a job did with one GPU that it held. What the driver does not tell is empty.
 *
 * @param run the number of the run, from 1
 * @param gpu the GPU's UUID
 * @param heldSeconds how long the run held it
 * @param utilizationPercent the part of that time in which a kernel ran, as far as it was looked at
 * @param recentPercent the same for the last minute; empty for a run that has ended
 * @param peakMemoryMegabytes the most memory in use, in MB of 10^6 bytes
 * @param energyJoules what the GPU took meanwhile
 * @param slowdowns why its clocks were lowered meanwhile, in words
 */
public record GpuUse(
    int run,
    String gpu,
    long heldSeconds,
    OptionalInt utilizationPercent,
    OptionalInt recentPercent,
    OptionalLong peakMemoryMegabytes,
    OptionalLong energyJoules,
    List<String> slowdowns) {
  public GpuUse {
    slowdowns = List.copyOf(slowdowns);
  }

  /** Returns it in words: {@code GPU-… was held for 3600 s, 87 % in use}. */
  public String words() {
    StringBuilder words = new StringBuilder(gpu + " was held for " + heldSeconds + " s");
    utilizationPercent.ifPresent(part -> words.append(", ").append(part).append(" % in use"));
    peakMemoryMegabytes.ifPresent(
        most -> words.append(", at most ").append(most).append(" MB of its memory"));
    energyJoules.ifPresent(energy -> words.append(", ").append(energy).append(" J"));
    if (!slowdowns.isEmpty()) {
      words.append("; slowed down: ").append(String.join(", ", slowdowns));
    }
    return words.toString();
  }

  /** Returns it as it is kept once the run has ended. */
  public GpuUse ended() {
    return new GpuUse(
        run,
        gpu,
        heldSeconds,
        utilizationPercent,
        OptionalInt.empty(),
        peakMemoryMegabytes,
        energyJoules,
        slowdowns);
  }
}
