package io.gpurunner.gpu;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * One reader for each device of NVML's list. A look ends when all have answered, or after a limit;
 * later looks do not wait for a reader that hangs. Not thread-safe: it belongs to the NVML thread.
 */
final class DeviceReaders implements AutoCloseable {
  private final Duration limit;
  private final IdleUse idleUse;
  private final UserNames names = new UserNames();
  private final List<DeviceReader> readers = new ArrayList<>();

  /** Since when a reader has not returned. */
  private final Map<Integer, Instant> hangs = new HashMap<>();

  /**
   * @param limit how long a look waits for a device
   */
  DeviceReaders(Duration limit, IdleUse idleUse) {
    this.limit = limit;
    this.idleUse = idleUse;
  }

  /**
   * Reads the first {@code count} devices of NVML's list.
   *
   * @param released those that an administrator has for a while; they are not touched
   * @param at when the look began
   * @return what each device said, by its ordinal
   */
  List<DeviceReading> read(
      NvmlLibrary library,
      Optional<NvmlLibrary.Events> events,
      int count,
      Set<Integer> released,
      Instant at) {
    while (readers.size() < count) {
      readers.add(new DeviceReader(readers.size(), idleUse, names));
    }
    Map<Integer, CompletableFuture<DeviceReading>> asked = new HashMap<>();
    Set<Integer> hung = new HashSet<>();
    for (DeviceReader reader : readers.subList(0, count)) {
      if (!released.contains(reader.ordinal())) {
        if (reader.isBusy()) {
          hung.add(reader.ordinal());
        }
        asked.put(reader.ordinal(), reader.ask(library, events));
      }
    }
    CompletableFuture.allOf(
            asked.entrySet().stream()
                .filter(entry -> !hung.contains(entry.getKey()))
                .map(Map.Entry::getValue)
                .toArray(CompletableFuture[]::new))
        .completeOnTimeout(null, limit.toMillis(), TimeUnit.MILLISECONDS)
        .join();
    List<DeviceReading> readings = new ArrayList<>(count);
    for (int ordinal = 0; ordinal < count; ordinal++) {
      CompletableFuture<DeviceReading> reading = asked.get(ordinal);
      readings.add(
          reading == null
              ? DeviceReading.failed(
                  new GpuException(GpuException.Kind.FAILED, NvmlDevices.RELEASED))
              : taken(ordinal, reading, !hung.contains(ordinal), at));
    }
    return readings;
  }

  private DeviceReading taken(
      int ordinal, CompletableFuture<DeviceReading> reading, boolean isOfThisLook, Instant at) {
    if (reading.isDone() && isOfThisLook) {
      hangs.remove(ordinal);
      return reading.join();
    }
    Instant since = hangs.computeIfAbsent(ordinal, _ -> at);
    // What a call that hung says in the end is about a time before this look.
    return DeviceReading.failed(
        new GpuException(
            GpuException.Kind.FAILED,
            "the driver has not answered for GPU %d since %s: it hangs; see dmesg"
                .formatted(ordinal, since)));
  }

  /** Returns whether a call of the session is under way. Until it returns, nothing is closed. */
  Optional<Integer> busy() {
    return readers.stream().filter(DeviceReader::isBusy).map(DeviceReader::ordinal).findFirst();
  }

  /** Returns the devices of the session. */
  List<NvmlLibrary.Device> devices() {
    return readers.stream().flatMap(reader -> reader.device().stream()).toList();
  }

  @Override
  public void close() {
    readers.forEach(DeviceReader::close);
    names.close();
  }
}
