package io.gpurunner.agent.simulation;

import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.simulation.JobTruth.Cause;
import io.gpurunner.gpu.GpuDevice;
import io.gpurunner.gpu.GpuDevice.Presence;
import io.gpurunner.gpu.GpuInventory;
import io.gpurunner.gpu.GpuProcess;
import io.gpurunner.gpu.GpuSnapshot;
import io.gpurunner.gpu.GpuUuid;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/** The devices as the agent sees them: late, with failed looks, or incomplete. */
final class SimulatedGpus implements GpuInventory {
  static final String PRODUCT = "NVIDIA GeForce RTX 3090";
  static final String OTHER_PRODUCT = "NVIDIA A100-SXM4-80GB";

  /** The age at which a look no longer counts, as in NVML's inventory. */
  private static final Duration STALE = Duration.ofSeconds(31);

  /** The longest hang of the driver. It is well beyond {@link #STALE}. */
  private static final int LONGEST_STALL_SECONDS = 150;

  private final Simulation simulation;
  private final Port port;
  private final Clock clock;
  private GpuSnapshot latest;

  /** What the hanging look will show. */
  private Optional<GpuSnapshot> begun = Optional.empty();

  private Optional<Actor> looker = Optional.empty();

  SimulatedGpus(Simulation simulation, Port port, Clock clock) {
    this.clock = clock;
    this.simulation = simulation;
    this.port = port;
    this.latest = new GpuSnapshot(clock.instant(), List.of(), Optional.of("not read yet"));
  }

  /** Returns whether a look is being made, however long it takes. */
  boolean isLooking() {
    return looker.filter(actor -> actor.running).isPresent();
  }

  void start() {
    looker = Optional.of(simulation.timeline.add("gpus", true, 0, this::look));
  }

  private OptionalLong look() {
    long wait = simulation.machine.looksHangUntil - simulation.timeline.now();
    if (wait > 0) {
      return OptionalLong.of(wait); // a ring does not bring the driver back
    }
    if (begun.isPresent()) {
      latest = begun.get();
      begun = Optional.empty();
      return OptionalLong.of(Timeline.SECOND);
    }
    Instant at = clock.instant();
    if (port.fails(simulation.weather.stalls)) {
      return stall(at);
    }
    if (port.fails(simulation.weather.gpus)) {
      latest = new GpuSnapshot(at, latest.devices(), Optional.of("the driver says no"));
      return OptionalLong.of(simulation.dice.seconds(1, 10));
    }
    List<GpuDevice> seen = see();
    port.between("look at GPUs");
    latest = new GpuSnapshot(at, seen, Optional.empty());
    return OptionalLong.of(Timeline.SECOND);
  }

  /** Lets the driver hang. In the end it shows the devices as they were when it was asked. */
  private OptionalLong stall(Instant at) {
    long micros = simulation.dice.seconds(5, LONGEST_STALL_SECONDS);
    if (simulation.timeline.isTold()) {
      simulation.timeline.tell("GPUs", "hang for " + micros / Timeline.SECOND + " s");
    }
    begun = Optional.of(new GpuSnapshot(at, see(), Optional.empty()));
    simulation.machine.looksHangUntil = simulation.timeline.now() + micros;
    return OptionalLong.of(micros);
  }

  private List<GpuDevice> see() {
    List<GpuDevice> seen = new ArrayList<>();
    for (Machine.Device device : simulation.machine.devices) {
      seen.add(see(device));
    }
    return seen;
  }

  private GpuDevice see(Machine.Device device) {
    boolean unreadable = !device.lost && port.fails(simulation.weather.gpus / 4);
    boolean used = simulation.machine.isUsed(device);
    Presence presence =
        device.lost ? Presence.LOST : unreadable ? Presence.UNREADABLE : Presence.READABLE;
    GpuDevice free =
        GpuDevice.free(new GpuUuid(device.uuid), device.ordinal, device.product, 24L << 30);
    GpuDevice seen =
        used
            ? free.withUse(
                free.memory().withUsed(4L << 30), List.of(new GpuProcess(4711, 4L << 30)))
            : free;
    return presence == Presence.READABLE ? seen : seen.withFault(presence, "it does not answer");
  }

  @Override
  public GpuSnapshot snapshot() {
    boolean stale = Duration.between(latest.at(), clock.instant()).compareTo(STALE) > 0;
    return latest.fault().isEmpty() && stale
        ? new GpuSnapshot(latest.at(), latest.devices(), Optional.of("the driver hangs"))
        : latest;
  }

  @Override
  public void requestLook() {
    looker.ifPresent(simulation.timeline::ring);
  }

  @Override
  public String description() {
    return "simulated";
  }

  @Override
  public void close() {
    // Nothing is held.
  }

  /** A device falls off the bus. */
  static void lose(Simulation simulation, Machine.Device device) {
    device.lost = true;
    // This holds even if the container has ended and nobody has looked yet.
    for (JobTruth truth : simulation.truths()) {
      boolean uses =
          truth
              .seen
              .filter(
                  job ->
                      job.state() instanceof JobState.Placed placed
                          && placed.gpus().contains(new GpuUuid(device.uuid)))
              .isPresent();
      if (uses) {
        truth.causes.add(Cause.LOST_GPU);
      }
    }
  }
}
