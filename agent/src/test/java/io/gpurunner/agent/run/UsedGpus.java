package io.gpurunner.agent.run;

import io.gpurunner.gpu.GpuDevice;
import io.gpurunner.gpu.GpuInventory;
import io.gpurunner.gpu.GpuProcess;
import io.gpurunner.gpu.GpuSnapshot;
import io.gpurunner.gpu.GpuUuid;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Devices on which a test can put processes. For one thread. */
final class UsedGpus implements GpuInventory {
  private static final long USED_BYTES = 4L << 30;

  private final GpuInventory free;
  private final Map<GpuUuid, GpuProcess> users = new HashMap<>();
  private Optional<String> fault = Optional.empty();
  private boolean simulated = true;

  UsedGpus(GpuInventory free) {
    this.free = free;
  }

  /** Puts a process on a device. */
  void use(GpuUuid device, int pid) {
    users.put(device, new GpuProcess(pid, USED_BYTES));
  }

  /** Takes the process off a device. */
  void leave(GpuUuid device) {
    users.remove(device);
  }

  /** Makes looks report a fault in these words. */
  void fail(String words) {
    fault = Optional.of(words);
  }

  /** Makes looks succeed again. */
  void recover() {
    fault = Optional.empty();
  }

  @Override
  public GpuSnapshot snapshot() {
    GpuSnapshot look = free.snapshot();
    return new GpuSnapshot(
        look.at(), look.devices().stream().map(this::withUser).toList(), fault.or(look::fault));
  }

  private GpuDevice withUser(GpuDevice device) {
    GpuProcess user = users.get(device.uuid());
    return user == null
        ? device
        : new GpuDevice(
            device.uuid(),
            device.ordinal(),
            device.name(),
            device.memoryTotalBytes(),
            user.usedMemoryBytes(),
            List.of(user),
            device.fault(),
            device.presence());
  }

  @Override
  public void requestLook() {
    free.requestLook();
  }

  @Override
  public boolean isSimulated() {
    return simulated;
  }

  /** Makes them count as real ones, so that each must be seen in a container first. */
  void real() {
    simulated = false;
  }

  @Override
  public String description() {
    return free.description();
  }

  @Override
  public void close() {
    free.close();
  }
}
