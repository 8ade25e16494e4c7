package io.gpurunner.agent.metrics;

import io.gpurunner.gpu.GpuDevice;
import io.gpurunner.gpu.GpuFact;
import io.gpurunner.gpu.GpuSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot.GaugeDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshot;
import io.prometheus.metrics.model.snapshots.UnknownSnapshot;
import io.prometheus.metrics.model.snapshots.UnknownSnapshot.UnknownDataPointSnapshot;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.function.Supplier;

/**
 * What NVIDIA's dcgm-exporter would export of the GPUs, under its names and in its units, for its
 * dashboards. Source of names, units and help: etc/default-counters.csv of
 * github.com/NVIDIA/dcgm-exporter. Thread-safe.
 */
final class DcgmMetrics {
  private static final double BYTES_PER_MIB = 1 << 20;
  private static final double MILLIWATTS_PER_WATT = 1000;

  private final Supplier<GpuSnapshot> newestLook;
  private final XidCounts xids;
  private final String hostName;

  /** A field of DCGM. */
  enum Field {
    DCGM_FI_DEV_SM_CLOCK("SM clock frequency (in MHz)."),
    DCGM_FI_DEV_MEM_CLOCK("Memory clock frequency (in MHz)."),
    DCGM_FI_DEV_GPU_TEMP("GPU temperature (in C)."),
    DCGM_FI_DEV_POWER_USAGE("Power draw (in W)."),
    DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION("Total energy consumption since boot (in mJ)."),
    DCGM_FI_DEV_GPU_UTIL("GPU utilization (in %)."),
    DCGM_FI_DEV_MEM_COPY_UTIL("Memory utilization (in %)."),
    DCGM_FI_DEV_XID_ERRORS("Value of the last XID error encountered."),
    DCGM_FI_DEV_FB_FREE("Framebuffer memory free (in MiB)."),
    DCGM_FI_DEV_FB_USED("Framebuffer memory used (in MiB).");

    private final String help;

    Field(String help) {
      this.help = help;
    }
  }

  DcgmMetrics(Supplier<GpuSnapshot> newestLook, XidCounts xids, String hostName) {
    this.newestLook = newestLook;
    this.xids = xids;
    this.hostName = hostName;
  }

  void addTo(Samples samples) {
    GpuSnapshot look = newestLook.get();
    for (Field field : Field.values()) {
      // The exporter's counter has no ending, which the formats demand of a counter.
      if (field == Field.DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION) {
        add(samples, untyped(field, look));
      } else {
        add(samples, gauge(field, look));
      }
    }
  }

  private static void add(Samples samples, MetricSnapshot family) {
    if (!family.getDataPoints().isEmpty()) {
      samples.add(family);
    }
  }

  private GaugeSnapshot gauge(Field field, GpuSnapshot look) {
    GaugeSnapshot.Builder gauge = GaugeSnapshot.builder().name(field.name()).help(field.help);
    for (GpuDevice device : look.devices()) {
      OptionalDouble value = value(field, device, look);
      if (value.isPresent()) {
        gauge.dataPoint(
            GaugeDataPointSnapshot.builder()
                .labels(labels(device))
                .value(value.getAsDouble())
                .build());
      }
    }
    return gauge.build();
  }

  private UnknownSnapshot untyped(Field field, GpuSnapshot look) {
    UnknownSnapshot.Builder untyped = UnknownSnapshot.builder().name(field.name()).help(field.help);
    for (GpuDevice device : look.devices()) {
      OptionalDouble value = value(field, device, look);
      if (value.isPresent()) {
        untyped.dataPoint(
            UnknownDataPointSnapshot.builder()
                .labels(labels(device))
                .value(value.getAsDouble())
                .build());
      }
    }
    return untyped.build();
  }

  private Labels labels(GpuDevice device) {
    OptionalInt minor = device.minor();
    return Labels.of(
        "gpu", GpuMetrics.index(device),
        "UUID", device.uuid().value(),
        "device", minor.isPresent() ? "nvidia" + minor.getAsInt() : "",
        "modelName", device.name(),
        "Hostname", hostName);
  }

  private OptionalDouble value(Field field, GpuDevice device, GpuSnapshot look) {
    if (!GpuMetrics.isSeen(device, look)) {
      return OptionalDouble.empty();
    }
    return switch (field) {
      case DCGM_FI_DEV_SM_CLOCK -> fact(device, GpuFact.SM_CLOCK_MHZ);
      case DCGM_FI_DEV_MEM_CLOCK -> fact(device, GpuFact.MEMORY_CLOCK_MHZ);
      case DCGM_FI_DEV_GPU_TEMP -> fact(device, GpuFact.TEMPERATURE_CELSIUS);
      case DCGM_FI_DEV_POWER_USAGE ->
          divided(device.details().get(GpuFact.POWER_MILLIWATTS), MILLIWATTS_PER_WATT);
      case DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION -> fact(device, GpuFact.ENERGY_MILLIJOULES);
      case DCGM_FI_DEV_GPU_UTIL -> fact(device, GpuFact.UTILIZATION_PERCENT);
      case DCGM_FI_DEV_MEM_COPY_UTIL -> fact(device, GpuFact.MEMORY_UTILIZATION_PERCENT);
      case DCGM_FI_DEV_XID_ERRORS -> OptionalDouble.of((double) xids.last(device.uuid()).orElse(0));
      case DCGM_FI_DEV_FB_FREE -> divided(freeBytes(device), BYTES_PER_MIB);
      case DCGM_FI_DEV_FB_USED -> divided(usedBytes(device), BYTES_PER_MIB);
    };
  }

  private static OptionalDouble fact(GpuDevice device, GpuFact fact) {
    return divided(device.details().get(fact), 1);
  }

  private static OptionalDouble divided(OptionalLong value, double by) {
    return value.isPresent() ? OptionalDouble.of(value.getAsLong() / by) : OptionalDouble.empty();
  }

  private static OptionalLong usedBytes(GpuDevice device) {
    return device.memory().shared() ? OptionalLong.empty() : device.memory().used();
  }

  private static OptionalLong freeBytes(GpuDevice device) {
    OptionalLong used = usedBytes(device);
    OptionalLong total = device.memory().total();
    return used.isPresent() && total.isPresent()
        ? OptionalLong.of(total.getAsLong() - used.getAsLong())
        : OptionalLong.empty();
  }
}
