package io.gpurunner.gpu;

/**
 * A process with a compute context on a device.
 *
 * @param pid process id in the host's pid namespace
 * @param usedMemoryBytes device memory that it holds; 0 if the driver does not report it
 */
public record GpuProcess(int pid, long usedMemoryBytes) {}
