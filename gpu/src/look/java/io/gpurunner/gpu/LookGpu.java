package io.gpurunner.gpu;

import java.io.IOException;
import java.time.Duration;
import java.util.Optional;

/** The device of NVML that a CUDA process uses, in a session of the project's own code. */
record LookGpu(NvmlLibrary library, NvmlLibrary.Device device, int ordinal)
    implements AutoCloseable {
  private static final Duration END_LIMIT = Duration.ofSeconds(10);

  /**
   * Opens the device that CUDA counts first.
   *
   * @throws LookChild.Missing if this machine has no CUDA
   */
  static LookGpu open(GpuLook.Context context) throws IOException, InterruptedException {
    LookChild.CudaDevice wanted;
    try (LookChild child = LookChild.start(context.cuda())) {
      wanted = child.device();
      child.ask("end", END_LIMIT);
      child.hasEnded(END_LIMIT); // so that its end is in no measurement
    }
    context
        .report()
        .line(
            "CUDA's device 0 is %s at %s, CUDA %s, %s multiprocessors",
            wanted.name(), wanted.busId(), wanted.cudaVersion(), wanted.multiprocessors());
    NvmlLibrary library = NvmlLibrary.open(context.nvml());
    for (int ordinal = 0; ordinal < library.deviceCount(); ordinal++) {
      NvmlLibrary.Device device = library.device(ordinal);
      if (device.busId().equals(Optional.of(wanted.busId()))) {
        return new LookGpu(library, device, ordinal);
      }
    }
    library.close();
    throw new IllegalStateException("NVML lists no device with the bus id " + wanted.busId());
  }

  @Override
  public void close() {
    library.close();
  }
}
