package io.gpurunner.gpu;

import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What the calls for one device of NVML's list said.
 *
 * @param uuid null if the device did not tell
 * @param name null if the device did not tell
 * @param read what was read; null if a call failed
 * @param failure why a call failed; null if none did
 */
record DeviceReading(
    @Nullable GpuUuid uuid,
    @Nullable String name,
    @Nullable Read read,
    @Nullable GpuException failure) {

  /** What a look finds out beyond the identity. */
  record Read(GpuMemory memory, List<GpuProcess> processes, GpuDetails details) {}

  static DeviceReading failed(GpuException failure) {
    return new DeviceReading(null, null, null, failure);
  }

  Optional<GpuException> failed() {
    return Optional.ofNullable(failure);
  }
}
