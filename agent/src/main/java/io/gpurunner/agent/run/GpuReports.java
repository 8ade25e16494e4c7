package io.gpurunner.agent.run;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.api.GpuReport;
import io.gpurunner.api.GpuReport.State;
import io.gpurunner.api.JobId;
import io.gpurunner.gpu.DeviceFitness;
import io.gpurunner.gpu.GpuDetails;
import io.gpurunner.gpu.GpuDevice;
import io.gpurunner.gpu.GpuFact;
import io.gpurunner.gpu.GpuHealth;
import io.gpurunner.gpu.GpuInventory;
import io.gpurunner.gpu.GpuProcess;
import io.gpurunner.gpu.GpuSnapshot;
import io.gpurunner.gpu.GpuUuid;
import io.gpurunner.gpu.ProcessFacts;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.function.UnaryOperator;

/** Describes the GPUs for those who ask. Never blocks. Thread-safe. */
public final class GpuReports {
  /** The key of each fact in an answer. The others appear only in a reason. */
  private static final Map<GpuFact, String> KEYS = keys();

  private static final long MILLIS_PER_SECOND = 1000;

  private final GpuInventory gpus;
  private final JobLedger ledger;
  private final StartGate gate;
  private final GpuMeter meter;
  private final UnaryOperator<Instant> shown;

  /**
   * @param shown converts a time of the steady clock to the time that users see
   */
  public GpuReports(
      GpuInventory gpus,
      JobLedger ledger,
      StartGate gate,
      GpuMeter meter,
      UnaryOperator<Instant> shown) {
    this.shown = shown;
    this.meter = meter;
    this.gpus = gpus;
    this.ledger = ledger;
    this.gate = gate;
  }

  private static Map<GpuFact, String> keys() {
    Map<GpuFact, String> keys = new LinkedHashMap<>();
    keys.put(GpuFact.UTILIZATION_PERCENT, "utilizationPercent");
    keys.put(GpuFact.MEMORY_UTILIZATION_PERCENT, "memoryUtilizationPercent");
    keys.put(GpuFact.TEMPERATURE_CELSIUS, "temperatureCelsius");
    keys.put(GpuFact.POWER_MILLIWATTS, "powerMilliwatts");
    keys.put(GpuFact.POWER_LIMIT_MILLIWATTS, "powerLimitMilliwatts");
    keys.put(GpuFact.ENERGY_MILLIJOULES, "energyMillijoules");
    keys.put(GpuFact.SM_CLOCK_MHZ, "smClockMhz");
    keys.put(GpuFact.MEMORY_CLOCK_MHZ, "memoryClockMhz");
    keys.put(GpuFact.CLOCK_REASONS, "clockReasons");
    keys.put(GpuFact.ECC_MODE, "eccMode");
    keys.put(GpuFact.ECC_UNCORRECTED, "eccUncorrected");
    keys.put(GpuFact.ROW_REMAP_PENDING, "rowRemapPending");
    keys.put(GpuFact.ROW_REMAP_FAILED, "rowRemapFailed");
    keys.put(GpuFact.RETIRED_PAGES_PENDING, "retiredPagesPending");
    keys.put(GpuFact.PERSISTENCE_MODE, "persistenceMode");
    keys.put(GpuFact.COMPUTE_MODE, "computeMode");
    keys.put(GpuFact.MIG_MODE, "migMode");
    keys.put(GpuFact.MIG_MODE_PENDING, "migModePending");
    keys.put(GpuFact.FABRIC_STATE, "fabricState");
    keys.put(GpuFact.RECOVERY_ACTION, "recoveryAction");
    keys.put(GpuFact.MINOR, "minor");
    return keys;
  }

  /** Returns what is known of the GPUs of a look. */
  public GpuReport of(GpuSnapshot look) {
    Map<GpuUuid, JobId> leases = ledger.leases();
    return new GpuReport(
        gpus.description(),
        gpus.isSimulated(),
        look.fault(),
        gpus.lookTook().toMillis(),
        look.devices().stream()
            .map(device -> of(device, look, Optional.ofNullable(leases.get(device.uuid()))))
            .toList());
  }

  private GpuReport.Gpu of(GpuDevice device, GpuSnapshot look, Optional<JobId> lease) {
    Optional<Job> holder = lease.flatMap(ledger::findLive); // a job that holds a GPU is live
    Optional<String> unusable =
        DeviceFitness.whyUnusable(device)
            .or(look::fault)
            .or(gate::whyClosed)
            .or(() -> gate.whyClosed(device));
    Optional<String> use = DeviceFitness.whyOccupied(device);
    State state = state(device, unusable.isPresent(), holder.isPresent(), use.isPresent());
    return new GpuReport.Gpu(
        device.ordinal() == GpuDevice.NO_ORDINAL
            ? OptionalInt.empty()
            : OptionalInt.of(device.ordinal()),
        device.uuid().value(),
        device.type().label(),
        megabytes(device.memory().total()),
        megabytes(device.memory().used()),
        state,
        unusable.or(() -> state == State.IN_USE ? use : Optional.empty()),
        device.health().state() == GpuHealth.State.SUSPECT
            ? device.health().reason()
            : Optional.empty(),
        holder.map(job -> new GpuReport.Lease(job.id(), job.user())),
        device.processes().stream().map(process -> of(process, holder)).toList(),
        Optional.ofNullable(meter.spent().get(device.uuid())).map(this::time),
        details(device.details()));
  }

  private static State state(GpuDevice device, boolean isUnusable, boolean isHeld, boolean isUsed) {
    if (isUnusable) {
      return device.fault().isPresent()
          ? State.UNFIT
          : switch (device.health().state()) {
            case QUARANTINED -> State.QUARANTINED;
            case RECOVERING -> State.RECOVERING;
            case HEALTHY, SUSPECT -> State.UNFIT;
          };
    }
    return isHeld ? State.LEASED : isUsed ? State.IN_USE : State.FREE;
  }

  private static OptionalLong megabytes(OptionalLong bytes) {
    return bytes.isPresent()
        ? OptionalLong.of(bytes.getAsLong() / RequestedVolumes.BYTES_PER_MEGABYTE)
        : OptionalLong.empty();
  }

  private static GpuReport.User of(GpuProcess process, Optional<Job> holder) {
    return new GpuReport.User(
        Integer.toUnsignedLong(process.pid()),
        megabytes(process.usedMemoryBytes()),
        process.facts().map(ProcessFacts::command),
        process.facts().map(ProcessFacts::user),
        process.facts().flatMap(ProcessFacts::container),
        role(process, holder));
  }

  private static GpuReport.Role role(GpuProcess process, Optional<Job> holder) {
    if (process.ignored()) {
      return GpuReport.Role.IGNORED;
    }
    return holder
        .map(job -> Intruders.isOne(process, job) ? GpuReport.Role.INTRUDER : GpuReport.Role.JOB)
        .orElse(GpuReport.Role.FOREIGN);
  }

  /** Rounds so that the sum of the seconds is that of the milliseconds. */
  private GpuReport.Time time(GpuMeter.Times times) {
    Map<String, Long> seconds = new LinkedHashMap<>();
    long millis = 0;
    for (GpuMeter.Spent kind : GpuMeter.Spent.values()) {
      long before = millis / MILLIS_PER_SECOND;
      millis += times.millis().getOrDefault(kind, 0L);
      seconds.put(kind.name().toLowerCase(Locale.ROOT), millis / MILLIS_PER_SECOND - before);
    }
    return new GpuReport.Time(shown.apply(times.since()), seconds);
  }

  private static Map<String, Object> details(GpuDetails details) {
    Map<String, Object> told = new LinkedHashMap<>();
    details.busId().ifPresent(address -> told.put("busId", address));
    KEYS.forEach((fact, key) -> details.get(fact).ifPresent(value -> told.put(key, value)));
    return told;
  }
}
