package io.gpurunner.gpu;

import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * The result of one look at the machine's GPUs. A look that failed says so in {@code fault} and
 * carries the devices of the last good look. It never says "no devices".
 *
 * @param at when the look began; only a look that began after an event says anything about the time
 *     after it
 * @param devices by ordinal, lost ones last
 * @param fault why this look failed; empty for a good one
 */
public record GpuSnapshot(Instant at, List<GpuDevice> devices, Optional<String> fault) {
  public GpuSnapshot {
    devices = List.copyOf(devices);
  }
}
