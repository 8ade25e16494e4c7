package io.gpurunner.agent.metrics;

import io.gpurunner.agent.run.GpuMeter;
import io.gpurunner.agent.run.GpuMeter.Spent;
import io.gpurunner.api.GpuReport;
import io.gpurunner.gpu.GpuDevice;
import io.gpurunner.gpu.GpuDevice.Presence;
import io.gpurunner.gpu.GpuFact;
import io.gpurunner.gpu.GpuSnapshot;
import io.gpurunner.gpu.GpuUuid;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/**
 * The samples of GPUs. What the driver does not tell, and what is of an earlier look, is absent.
 * Thread-safe.
 */
final class GpuMetrics {
  private static final double PER_CENT = 0.01;
  private static final double MILLI = 0.001;
  private static final double MEGA = 1e6;
  private static final List<Spent> LEASED = List.of(Spent.USED, Spent.IDLE, Spent.HELD);

  private final Supplier<GpuSnapshot> newestLook;
  private final Function<GpuSnapshot, GpuReport> reports;
  private final Supplier<Map<GpuUuid, GpuMeter.Times>> spent;
  private final XidCounts xids;

  GpuMetrics(
      Supplier<GpuSnapshot> newestLook,
      Function<GpuSnapshot, GpuReport> reports,
      Supplier<Map<GpuUuid, GpuMeter.Times>> spent,
      XidCounts xids) {
    this.newestLook = newestLook;
    this.reports = reports;
    this.spent = spent;
    this.xids = xids;
  }

  void addTo(Samples samples) {
    GpuSnapshot look = newestLook.get();
    Map<String, GpuReport.Gpu> reported =
        reports.apply(look).gpus().stream()
            .collect(Collectors.toMap(GpuReport.Gpu::uuid, gpu -> gpu, (first, _) -> first));
    Map<GpuUuid, GpuMeter.Times> times = spent.get();
    for (GpuDevice device : look.devices()) {
      Of gpu = new Of(samples, device);
      GpuReport.Gpu report = reported.get(device.uuid().value());
      if (report != null) {
        gpu.addState(report);
      }
      gpu.addErrors();
      GpuMeter.Times spentOn = times.get(device.uuid());
      if (spentOn != null) {
        gpu.addLeased(spentOn);
      }
      if (isSeen(device, look)) {
        gpu.addFacts();
        if (report != null) {
          gpu.addProcesses(report);
        }
      }
    }
  }

  /** Returns whether what a look says of a device was read in this look. */
  static boolean isSeen(GpuDevice device, GpuSnapshot look) {
    return look.fault().isEmpty() && device.presence() == Presence.READABLE;
  }

  /**
   * Returns the index of a device, as a label. It is empty for one that the driver does not list.
   */
  static String index(GpuDevice device) {
    return device.ordinal() == GpuDevice.NO_ORDINAL ? "" : Integer.toString(device.ordinal());
  }

  /** Adds the samples of one device. */
  private final class Of {
    private final Samples samples;
    private final GpuDevice device;
    private final String index;
    private final String uuid;

    Of(Samples samples, GpuDevice device) {
      this.samples = samples;
      this.device = device;
      this.index = index(device);
      this.uuid = device.uuid().value();
    }

    void addState(GpuReport.Gpu report) {
      samples.add(Family.GPU_INFO, 1, index, uuid, report.type());
      for (GpuReport.State state : GpuReport.State.values()) {
        samples.add(Family.GPU_STATE, state == report.state() ? 1 : 0, index, uuid, state.word());
      }
      samples.add(Family.GPU_LEASED, report.lease().isPresent() ? 1 : 0, index, uuid);
    }

    void addErrors() {
      samples.add(Family.GPU_XIDS, (double) xids.errors(device.uuid()), index, uuid);
      samples.add(Family.GPU_LAST_XID, xids.last(device.uuid()), 1, index, uuid);
    }

    void addLeased(GpuMeter.Times times) {
      for (Spent use : LEASED) {
        samples.add(
            Family.GPU_LEASED_SECONDS,
            times.millis().getOrDefault(use, 0L) * MILLI,
            index,
            uuid,
            use.name().toLowerCase(Locale.ROOT));
      }
    }

    void addFacts() {
      add(Family.GPU_UTILIZATION, GpuFact.UTILIZATION_PERCENT, PER_CENT);
      add(Family.GPU_POWER, GpuFact.POWER_MILLIWATTS, MILLI);
      add(Family.GPU_POWER_LIMIT, GpuFact.POWER_LIMIT_MILLIWATTS, MILLI);
      add(Family.GPU_ENERGY, GpuFact.ENERGY_MILLIJOULES, MILLI);
      add(Family.GPU_TEMPERATURE, GpuFact.TEMPERATURE_CELSIUS, 1);
      add(Family.GPU_ECC_ERRORS, GpuFact.ECC_UNCORRECTED, 1);
      samples.add(Family.GPU_CLOCK, of(GpuFact.SM_CLOCK_MHZ), MEGA, index, uuid, "sm");
      samples.add(Family.GPU_CLOCK, of(GpuFact.MEMORY_CLOCK_MHZ), MEGA, index, uuid, "memory");
      samples.add(Family.GPU_MEMORY_TOTAL, device.memory().total(), 1, index, uuid);
      if (!device.memory().shared()) { // otherwise others use most of it
        samples.add(Family.GPU_MEMORY_USED, device.memory().used(), 1, index, uuid);
      }
    }

    private void add(Family family, GpuFact fact, double unit) {
      samples.add(family, of(fact), unit, index, uuid);
    }

    private OptionalLong of(GpuFact fact) {
      return device.details().get(fact);
    }

    void addProcesses(GpuReport.Gpu report) {
      Map<GpuReport.Role, Long> owners =
          report.processes().stream()
              .collect(Collectors.groupingBy(GpuReport.User::role, Collectors.counting()));
      Arrays.stream(GpuReport.Role.values())
          .forEach(
              role ->
                  samples.add(
                      Family.GPU_PROCESSES,
                      owners.getOrDefault(role, 0L),
                      index,
                      uuid,
                      role.word()));
    }
  }
}
