package io.gpurunner.agent.container;

/** How large a job's {@code /dev/shm} is. Pure. */
final class SharedMemory {
  /** Of host memory, for all GPUs together; what the kernel gives a tmpfs by default. */
  private static final long HOST_SHARE_DIVISOR = 2;

  /** Enough for data loaders of a job without GPUs, and on a machine whose GPUs are many. */
  private static final long LEAST_BYTES = 1L << 30;

  private SharedMemory() {}

  /**
   * The job's part, by its GPUs, of half the host's memory; at least 1 GiB, but never more than
   * that half.
   */
  static long bytes(int gpuNumber, long hostMemoryBytes, int hostGpuCount) {
    long pool = hostMemoryBytes / HOST_SHARE_DIVISOR;
    long share = hostGpuCount == 0 ? 0 : pool / hostGpuCount * Math.min(gpuNumber, hostGpuCount);
    return Math.min(pool, Math.max(LEAST_BYTES, share));
  }
}
