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
import java.util.function.UnaryOperator;

/** Devices on which a test can put processes. For one thread. */
final class UsedGpus implements GpuInventory {
  private static final long USED_BYTES = 4L << 30;

  private final GpuInventory free;
  private final Map<GpuUuid, GpuProcess> users = new HashMap<>();
  private final Map<GpuUuid, UnaryOperator<GpuDevice>> changes = new HashMap<>();
  private Optional<String> fault = Optional.empty();
  private boolean simulated = true;
  private Optional<GpuSnapshot> newest = Optional.empty();

  UsedGpus(GpuInventory free) {
    this.free = free;
  }

  /** Puts a process on a device. */
  void use(GpuUuid device, int pid) {
    use(device, new GpuProcess(pid, USED_BYTES));
  }

  /** Puts a process on a device. */
  void use(GpuUuid device, GpuProcess process) {
    users.put(device, process);
  }

  /** Shows a device in another way. */
  void change(GpuUuid device, UnaryOperator<GpuDevice> change) {
    changes.put(device, change);
  }

  /** Takes the process off a device. */
  void leave(GpuUuid device) {
    users.remove(device);
  }

  /** Makes looks report a fault in these words. */
  void fail(String words) {
    fault = Optional.of(words);
  }

  /** Ends the looks for now: this one stays the newest. */
  void stopLooking() {
    newest = Optional.of(snapshot());
  }

  /** Looks again. */
  void lookAgain() {
    newest = Optional.empty();
  }

  /** Makes looks succeed again. */
  void recover() {
    fault = Optional.empty();
  }

  @Override
  public GpuSnapshot snapshot() {
    if (newest.isPresent()) {
      return newest.get();
    }
    GpuSnapshot look = free.snapshot();
    return new GpuSnapshot(
        look.at(), look.devices().stream().map(this::withUser).toList(), fault.or(look::fault));
  }

  private GpuDevice withUser(GpuDevice original) {
    GpuDevice device =
        changes.getOrDefault(original.uuid(), UnaryOperator.identity()).apply(original);
    GpuProcess user = users.get(device.uuid());
    return user == null
        ? device
        : device.withUse(device.memory().withUsed(user.usedMemoryBytes().orElse(0)), List.of(user));
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
