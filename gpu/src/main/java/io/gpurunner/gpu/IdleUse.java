package io.gpurunner.gpu;

import java.util.HashSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What may be on a device that counts as free: a little memory, and the processes of a desktop.
 * Thread-safe.
 *
 * <p>A process chooses its own name, so a name alone frees no device: a process that computes is
 * never ignored, nor is one in a container.
 */
final class IdleUse {
  /**
   * The limit where the driver tells its own reserve apart. What is left then on an idle device is
   * some MiB. A CUDA context, the least that a process leaves, takes more than this.
   */
  static final long RESERVE_APART_BYTES = 256L << 20;

  /**
   * The limit where the memory in use includes the driver's reserve (before driver 510). The
   * largest reserves, those of data-centre devices, stay well below.
   */
  static final long RESERVE_INCLUDED_BYTES = 1L << 30;

  /** Memory of the host of which this part must be left where it is the device's memory, too. */
  private static final int SHARED_PART_LEFT = 10;

  /**
   * A device that had too much in use is free again below this part of its limit. Otherwise a
   * desktop's use near the limit would change the answer from look to look.
   */
  private static final double BACK_BELOW = 0.75;

  private final OptionalLong configured;
  private final Set<String> ignoredCommands;

  /** The devices that had too much in use at the last look. */
  private final Set<GpuUuid> over = ConcurrentHashMap.newKeySet();

  /**
   * @param configured the limit in bytes; empty for the limits of this class
   */
  IdleUse(OptionalLong configured, List<String> ignoredCommands) {
    this.configured = configured;
    this.ignoredCommands = new HashSet<>(ignoredCommands);
  }

  /** Returns whether a process does not keep a device from jobs. */
  boolean ignores(GpuProcess process) {
    return process.kind() == GpuProcess.Kind.GRAPHICS
        && process
            .facts()
            .filter(facts -> facts.container().isEmpty())
            .filter(facts -> ignoredCommands.contains(facts.command()))
            .isPresent();
  }

  /**
   * Returns the memory with its limit.
   *
   * @param reserveApart whether what is in use leaves out the driver's reserve
   * @param processes those on the device; what an ignored one holds does not count as in use
   */
  GpuMemory judged(
      GpuUuid device, long total, long used, boolean reserveApart, List<GpuProcess> processes) {
    long limit =
        configured.orElse(reserveApart ? RESERVE_APART_BYTES : RESERVE_INCLUDED_BYTES)
            + processes.stream()
                .filter(GpuProcess::ignored)
                .mapToLong(process -> process.usedMemoryBytes().orElse(0))
                .sum();
    long effective = over.contains(device) ? (long) (limit * BACK_BELOW) : limit;
    GpuMemory memory =
        new GpuMemory(OptionalLong.of(total), OptionalLong.of(used), effective, false);
    if (memory.isOccupied()) {
      over.add(device);
    } else {
      over.remove(device);
    }
    return memory;
  }

  /** Returns the memory of a device that uses the host's. */
  static GpuMemory ofHost(HostMemory host) {
    return new GpuMemory(
        host.total(), host.used(), limitOf(host.total().orElse(Long.MAX_VALUE)), true);
  }

  private static long limitOf(long total) {
    return total - total / SHARED_PART_LEFT;
  }
}
