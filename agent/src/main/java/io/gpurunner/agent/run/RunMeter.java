package io.gpurunner.agent.run;

import io.gpurunner.agent.run.GpuMeter.Held;
import io.gpurunner.api.GpuUse;
import io.gpurunner.api.JobId;
import io.gpurunner.gpu.ClockReasons;
import io.gpurunner.gpu.GpuDevice;
import io.gpurunner.gpu.GpuFact;
import io.gpurunner.gpu.GpuUuid;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;

/** What a run does with one GPU. Not thread-safe: {@link GpuMeter} has a lock. */
public final class RunMeter {
  /** The length of the time of {@link GpuUse#recentPercent}. */
  private static final Duration WINDOW = Duration.ofMinutes(1);

  private static final long BYTES_PER_MEGABYTE = 1_000_000;

  private final Instant since;
  private long observedMillis;
  private long busyMillisTimesPercent;
  private OptionalLong peakBytes = OptionalLong.empty();
  private OptionalLong energyMillijoules = OptionalLong.empty();
  private OptionalLong counter = OptionalLong.empty();
  private long clockReasons;
  private final Deque<Sample> window = new ArrayDeque<>();

  private record Sample(Instant at, long percent) {}

  /** What outlives the process. */
  public record Saved(
      JobId job,
      int run,
      GpuUuid gpu,
      Instant since,
      long observedMillis,
      long busyMillisTimesPercent,
      OptionalLong peakBytes,
      OptionalLong energyMillijoules,
      OptionalLong counter,
      long clockReasons) {}

  RunMeter(Instant since) {
    this.since = since;
  }

  static RunMeter of(Saved saved) {
    RunMeter meter = new RunMeter(saved.since());
    meter.observedMillis = saved.observedMillis();
    meter.busyMillisTimesPercent = saved.busyMillisTimesPercent();
    meter.peakBytes = saved.peakBytes();
    meter.energyMillijoules = saved.energyMillijoules();
    meter.counter = saved.counter();
    meter.clockReasons = saved.clockReasons();
    return meter;
  }

  Saved saved(Held held) {
    return new Saved(
        held.job(),
        held.run(),
        held.gpu(),
        since,
        observedMillis,
        busyMillisTimesPercent,
        peakBytes,
        energyMillijoules,
        counter,
        clockReasons);
  }

  /**
   * Adds a look.
   *
   * @param looked when the look began; one from before the run says nothing of it
   */
  void add(GpuDevice device, Instant looked, Instant now, Duration step) {
    if (looked.isBefore(since)) {
      return;
    }
    OptionalLong percent = device.details().get(GpuFact.UTILIZATION_PERCENT);
    if (percent.isPresent()) {
      observedMillis += step.toMillis();
      busyMillisTimesPercent += step.toMillis() * percent.getAsLong();
      window.add(new Sample(now, percent.getAsLong()));
    }
    while (!window.isEmpty() && window.getFirst().at().isBefore(now.minus(WINDOW))) {
      window.removeFirst();
    }
    if (!device.memory().shared()) { // otherwise it is the host's
      device
          .memory()
          .used()
          .ifPresent(used -> peakBytes = OptionalLong.of(Math.max(used, peakBytes.orElse(0))));
    }
    addEnergy(device.details().get(GpuFact.ENERGY_MILLIJOULES));
    clockReasons |= device.details().get(GpuFact.CLOCK_REASONS).orElse(0);
  }

  /** The counter begins at 0 again when the driver is loaded. What it had counted is lost. */
  private void addEnergy(OptionalLong now) {
    if (now.isPresent() && counter.isPresent()) {
      long more = Math.max(0, now.getAsLong() - counter.getAsLong());
      energyMillijoules = OptionalLong.of(energyMillijoules.orElse(0) + more);
    }
    counter = now.isPresent() ? now : counter;
  }

  GpuUse use(Held held, Instant now) {
    return new GpuUse(
        held.run(),
        held.gpu().value(),
        Math.max(0, Duration.between(since, now).toSeconds()),
        observedMillis == 0
            ? OptionalInt.empty()
            : OptionalInt.of(Math.toIntExact(busyMillisTimesPercent / observedMillis)),
        recentPercent(now),
        megabytes(peakBytes),
        energyMillijoules.isPresent()
            ? OptionalLong.of(energyMillijoules.getAsLong() / 1000)
            : OptionalLong.empty(),
        ClockReasons.slowdowns(clockReasons));
  }

  private OptionalInt recentPercent(Instant now) {
    OptionalDouble mean =
        window.stream()
            .filter(sample -> !sample.at().isBefore(now.minus(WINDOW)))
            .mapToLong(Sample::percent)
            .average();
    return mean.isPresent() ? OptionalInt.of((int) mean.getAsDouble()) : OptionalInt.empty();
  }

  private static OptionalLong megabytes(OptionalLong bytes) {
    return bytes.isPresent()
        ? OptionalLong.of(bytes.getAsLong() / BYTES_PER_MEGABYTE)
        : OptionalLong.empty();
  }
}
