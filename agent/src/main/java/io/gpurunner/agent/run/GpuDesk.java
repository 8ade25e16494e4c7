package io.gpurunner.agent.run;

import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.api.Caller;
import io.gpurunner.api.Gpus;
import io.gpurunner.api.JobId;
import io.gpurunner.api.RequestRefusedException;
import io.gpurunner.gpu.DeviceFitness;
import io.gpurunner.gpu.GpuDevice;
import io.gpurunner.gpu.GpuInventory;
import io.gpurunner.gpu.GpuUuid;
import io.gpurunner.gpu.HealthBook;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/** What an administrator does with GPUs. Thread-safe. */
public final class GpuDesk implements Gpus {
  /** How long an administrator waits for the driver to be let go of. A look may be under way. */
  private static final Duration RELEASE_LIMIT = Duration.ofSeconds(20);

  private final GpuInventory gpus;
  private final HealthBook health;
  private final JobLedger ledger;

  public GpuDesk(GpuInventory gpus, HealthBook health, JobLedger ledger) {
    this.gpus = gpus;
    this.health = health;
    this.ledger = ledger;
  }

  @Override
  public String quarantine(Caller caller, String gpu, String reason) {
    GpuDevice device = find(gpu);
    recorded(
        device,
        () -> {
          health.quarantine(device.uuid(), caller.user(), reason);
          return true;
        });
    gpus.requestLook();
    return Optional.ofNullable(ledger.leases().get(device.uuid()))
        .map(
            job ->
                name(device) + " is quarantined; job " + job + " keeps it until the job has ended")
        .orElse(name(device) + " is quarantined");
  }

  @Override
  public String release(Caller caller, String gpu, String reason) {
    GpuDevice device = find(gpu);
    boolean held = recorded(device, () -> health.release(device.uuid(), caller.user(), reason));
    gpus.requestLook();
    if (held) {
      return name(device) + " is released; it is handed out again once it has recovered";
    }
    return DeviceFitness.whyUnusable(device)
        .map(why -> name(device) + " was not held, and cannot be handed out: " + why)
        .orElse(name(device) + " was not held");
  }

  @Override
  public String releaseDriver(Caller caller, Optional<String> gpu) {
    Optional<GpuDevice> device = gpu.map(this::find);
    requireUnheld(device);
    String what = device.map(GpuDesk::name).orElse("the NVIDIA driver");
    Optional<GpuUuid> uuid = device.map(GpuDevice::uuid);
    gpus.releaseDriver(uuid);
    if (!gpus.awaitRelease(uuid, RELEASE_LIMIT)) {
      throw new RequestRefusedException(
          RequestRefusedException.Kind.UNAVAILABLE,
          what
              + " could not be let go of within "
              + RELEASE_LIMIT.toSeconds()
              + " s, because a call of the driver does not return; it is let go of when it does",
          RELEASE_LIMIT);
    }
    try {
      requireUnheld(device); // a decision of the queue may have been under way
    } catch (RequestRefusedException held) {
      gpus.keepDriver(uuid);
      throw held;
    }
    return "the agent has let go of "
        + what
        + "; it is handed out again after: gpurunner gpus take";
  }

  private void requireUnheld(Optional<GpuDevice> device) {
    Map<GpuUuid, JobId> leases = ledger.leases();
    if (device.isPresent()) {
      JobId holder = leases.get(device.get().uuid());
      if (holder != null) {
        throw new RequestRefusedException(
            RequestRefusedException.Kind.CONFLICT,
            name(device.get()) + " is held by job " + holder + "; delete the job or wait for it");
      }
    } else if (!leases.isEmpty()) {
      throw new RequestRefusedException(
          RequestRefusedException.Kind.CONFLICT,
          leases.size()
              + " GPUs are held by jobs; delete the jobs or wait for them, or name one GPU that is"
              + " free");
    }
  }

  @Override
  public String takeDriver(Caller caller) {
    gpus.takeDriver();
    return "the agent uses the NVIDIA driver again";
  }

  private static boolean recorded(GpuDevice device, BooleanSupplier change) {
    try {
      return change.getAsBoolean();
    } catch (UncheckedIOException e) {
      throw new RequestRefusedException(
          RequestRefusedException.Kind.UNAVAILABLE,
          "this holds for "
              + name(device)
              + " only until the agent ends, because it could not be recorded: "
              + e.getMessage());
    }
  }

  /** Finds a device by its UUID or its index. */
  private GpuDevice find(String gpu) {
    return gpus.snapshot().devices().stream()
        .filter(
            device ->
                device.uuid().value().equals(gpu) || Integer.toString(device.ordinal()).equals(gpu))
        .findFirst()
        .orElseThrow(
            () ->
                new RequestRefusedException(
                    RequestRefusedException.Kind.NOT_FOUND,
                    "no such GPU: " + gpu + "; gpurunner gpus lists them"));
  }

  private static String name(GpuDevice device) {
    return DeviceFitness.name(device);
  }
}
