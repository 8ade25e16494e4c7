package io.gpurunner.gpu;

/**
 * A process with a compute context on a device.
 *
 * @param pid process id in the host's pid namespace
 * @param usedMemoryBytes device memory it holds; 0 where the driver does not tell
 */
public record GpuProcess(int pid, long usedMemoryBytes) {}
