package io.gpurunner.agent.container;

/** Computes the size of a job's {@code /dev/shm}. Pure. */
final class SharedMemory {
  /**
   * The share of the host's memory that all GPUs together get: a half, as the kernel gives a tmpfs
   * by default.
   */
  private static final long HOST_SHARE_DIVISOR = 2;

  /**
   * The smallest size. It is enough for the data loaders of a job without GPUs, or on a machine
   * with many GPUs.
   */
  private static final long LEAST_BYTES = 1L << 30;

  private SharedMemory() {}

  /**
   * Returns the size: half of the host's memory, divided by the host's GPUs, for each GPU of the
   * job. It is at least 1 GiB, and at most half of the host's memory.
   */
  static long bytes(int gpuNumber, long hostMemoryBytes, int hostGpuCount) {
    long pool = hostMemoryBytes / HOST_SHARE_DIVISOR;
    long share = hostGpuCount == 0 ? 0 : pool / hostGpuCount * Math.min(gpuNumber, hostGpuCount);
    return Math.min(pool, Math.max(LEAST_BYTES, share));
  }
}
