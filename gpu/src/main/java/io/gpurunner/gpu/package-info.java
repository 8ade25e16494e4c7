/**
 * The GPUs of the machine, their health, and the choice among them.
 *
 * <p>Callers see the port {@link io.gpurunner.gpu.GpuInventory}, opened by {@link
 * io.gpurunner.gpu.GpuInventories}, and the pure judgements {@link io.gpurunner.gpu.DeviceChoice}
 * and {@link io.gpurunner.gpu.DeviceFitness}. Behind the port, NVIDIA's management library (NVML,
 * {@code libnvidia-ml.so.1}) is reached in three layers, each of which knows only the one below:
 *
 * <ol>
 *   <li><b>Raw mapping</b>, {@code NvmlApi}: functions, structures and numbers of {@code nvml.h},
 *       as JNA needs them. No decisions.
 *   <li><b>Adapter</b>, {@code NvmlLibrary} with {@code NvmlReturn} and {@code ProcessBuffer}:
 *       loads the library, checks every return code and turns it into a {@link
 *       io.gpurunner.gpu.GpuException}, and settles the differences between driver versions.
 *       Everything it hands out is plain Java.
 *   <li><b>Logic</b> without native types, {@code NvmlDevices} (what one look means: lost,
 *       unreadable, in MIG mode) and {@code NvmlGpuInventory} (the one thread that owns NVML: when
 *       to look, when to open the library again).
 * </ol>
 *
 * <p>Two rules hold throughout. A look that failed is never "no devices": the snapshot says that it
 * failed and carries the devices of the last good one. And a device that was seen once is never
 * forgotten: if it cannot be read, it stays in the snapshots, with its identity and the reason.
 */
@NullMarked
package io.gpurunner.gpu;

import org.jspecify.annotations.NullMarked;
