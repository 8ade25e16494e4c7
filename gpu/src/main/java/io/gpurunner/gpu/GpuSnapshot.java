package io.gpurunner.gpu;

import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * What one look at the machine's GPUs saw. A look that failed says so in {@code fault} and carries
 * the devices of the last good one: it is never "no devices".
 *
 * @param at when the look began; only a look begun after an event says anything about the time
 *     after it
 * @param devices by ordinal, those that are lost last
 * @param fault why this look failed; empty for a good one
 */
public record GpuSnapshot(Instant at, List<GpuDevice> devices, Optional<String> fault) {
  public GpuSnapshot {
    devices = List.copyOf(devices);
  }
}
