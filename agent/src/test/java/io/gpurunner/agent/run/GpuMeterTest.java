package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.FakeContainerRuntime.Program;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.agent.run.GpuMeter.Spent;
import io.gpurunner.api.GpuUse;
import io.gpurunner.api.JobId;
import io.gpurunner.gpu.GpuDetails;
import io.gpurunner.gpu.GpuDevice.Presence;
import io.gpurunner.gpu.GpuFact;
import io.gpurunner.gpu.GpuProcess;
import io.gpurunner.gpu.GpuUuid;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class GpuMeterTest {
  @TempDir Path directory;

  @SuppressWarnings("NullAway.Init") // created before each test
  private RunHarness run;

  @SuppressWarnings("NullAway.Init") // set before each test
  private GpuUuid first;

  @SuppressWarnings("NullAway.Init") // set before each test
  private GpuUuid second;

  @BeforeEach
  void make() {
    run = new RunHarness(directory);
    first = run.gpus.snapshot().devices().getFirst().uuid();
    second = run.gpus.snapshot().devices().getLast().uuid();
  }

  @AfterEach
  void close() {
    run.close();
  }

  private void seconds(int number) {
    for (int second = 0; second < number; second++) {
      run.clock.advance(Duration.ofSeconds(1));
      run.meter.round();
    }
  }

  private void tells(GpuUuid gpu, Map<GpuFact, Long> facts) {
    run.gpus.change(
        gpu, device -> device.withDetails(new GpuDetails(Optional.empty(), facts, List.of())));
  }

  private Map<Spent, Long> secondsOf(GpuUuid gpu) {
    GpuMeter.Times times = run.meter.spent().get(gpu);
    Map<Spent, Long> seconds = new EnumMap<>(Spent.class);
    if (times != null) {
      times.millis().forEach((kind, millis) -> seconds.put(kind, millis / 1000));
      assertThat(times.millis().values().stream().mapToLong(Long::longValue).sum())
          .as("they sum to the wall clock")
          .isEqualTo(Duration.between(times.since(), run.clock.instant()).toMillis());
    }
    return seconds;
  }

  @Test
  void eachSecondOfAGpuIsOneThing() {
    seconds(10);
    JobId job = run.submit(Requests.simple(), Program.endsAfter(Duration.ofHours(1), 0));
    run.until(job, JobState.Running.class);
    seconds(5);
    run.gpus.use(first, 17);
    tells(first, Map.of(GpuFact.UTILIZATION_PERCENT, 0L));
    seconds(7);
    tells(first, Map.of(GpuFact.UTILIZATION_PERCENT, 90L));
    seconds(3);
    run.gpus.use(second, 18);
    seconds(4);
    run.gpus.leave(second);
    run.gpus.change(second, device -> device.withFault(Presence.READABLE, "MIG mode is on"));
    seconds(6);
    run.gpus.fail("the driver hangs");
    seconds(8);
    assertThat(secondsOf(first))
        .isEqualTo(
            Map.of(
                Spent.FREE,
                10L,
                Spent.HELD,
                5L,
                Spent.IDLE,
                7L,
                Spent.USED,
                13L,
                Spent.UNOBSERVED,
                8L));
    assertThat(secondsOf(second))
        .isEqualTo(
            Map.of(Spent.FREE, 25L, Spent.FOREIGN, 4L, Spent.UNFIT, 6L, Spent.UNOBSERVED, 8L));
  }

  @Test
  void aRunsUseIsMeasuredAndKeptWithTheJob() {
    JobId job = run.submit(Requests.simple(), Program.endsAfter(Duration.ofSeconds(100), 0));
    run.until(job, JobState.Running.class);
    run.meter.round();
    tells(
        first,
        Map.of(
            GpuFact.UTILIZATION_PERCENT, 20L,
            GpuFact.ENERGY_MILLIJOULES, 1_000_000L,
            GpuFact.CLOCK_REASONS, 0L));
    seconds(60);
    tells(
        first,
        Map.of(
            GpuFact.UTILIZATION_PERCENT, 80L,
            GpuFact.ENERGY_MILLIJOULES, 4_000_000L,
            GpuFact.CLOCK_REASONS, 0x40L));
    run.gpus.use(first, new GpuProcess(17, 3_000_000_000L));
    seconds(30);
    GpuUse now = run.meter.useOf(run.job(job)).getFirst();
    assertThat(now.heldSeconds()).isEqualTo(90);
    assertThat(now.utilizationPercent()).hasValue((20 * 60 + 80 * 30) / 90);
    assertThat(now.recentPercent().orElseThrow()).isBetween(49, 51);
    assertThat(now.peakMemoryMegabytes()).hasValue(3_000);
    assertThat(now.energyJoules()).hasValue(3_000);
    assertThat(now.slowdowns()).containsExactly("heat (by its hardware)");

    run.gpus.leave(first);
    run.toTheEnd(job);
    GpuUse kept = run.job(job).gpuUse().getFirst();
    assertThat(kept.gpu()).isEqualTo(first.value());
    assertThat(kept.recentPercent()).isEmpty();
    assertThat(kept.energyJoules()).hasValue(3_000);
    assertThat(run.ledger.history(job))
        .anyMatch(line -> line.kind().equals("gpu-use") && line.message().contains("3000 J"));
    run.restart("boot-1");
    assertThat(run.job(job).gpuUse()).containsExactly(kept);
    seconds(1);
    run.meter.close();
    assertThat(run.measured.load().orElseThrow().runs())
        .as("it is forgotten with the lease")
        .isEmpty();
  }

  /** What a driver does not tell is absent, never zero. */
  @Test
  void aDriverThatTellsNothingLeavesItAbsent() {
    JobId job = run.submit(Requests.simple(), Program.endsAfter(Duration.ofSeconds(100), 0));
    run.until(job, JobState.Running.class);
    run.gpus.use(first, 17);
    seconds(5);
    GpuUse use = run.meter.useOf(run.job(job)).getFirst();
    assertThat(use.utilizationPercent()).isEmpty();
    assertThat(use.energyJoules()).isEmpty();
    assertThat(secondsOf(first)).containsEntry(Spent.USED, 5L);
  }

  @Test
  void whatWasMeasuredOutlivesTheAgentAndTheTimeBetweenIsUnobserved() {
    JobId job = run.submit(Requests.simple(), Program.endsAfter(Duration.ofHours(1), 0));
    run.until(job, JobState.Running.class);
    tells(first, Map.of(GpuFact.ENERGY_MILLIJOULES, 1_000_000L));
    seconds(70);
    assertThat(run.measured.saves).isEqualTo(1);
    run.meter.close();
    run.clock.advance(Duration.ofMinutes(5));
    run.restart("boot-1");
    tells(first, Map.of(GpuFact.ENERGY_MILLIJOULES, 9_000_000L));
    seconds(10);
    assertThat(secondsOf(first)).isEqualTo(Map.of(Spent.HELD, 79L, Spent.UNOBSERVED, 301L));
    GpuUse use = run.meter.useOf(run.job(job)).getFirst();
    assertThat(use.energyJoules()).as("the counter went on meanwhile").hasValue(8_000);
    assertThat(use.heldSeconds()).isGreaterThan(370);
  }

  /** A GPU that is not listed, or cannot be read, is not called idle. */
  @Test
  void timeInWhichAGpuCannotBeReadIsUnobserved() {
    JobId job = run.submit(Requests.simple(), Program.endsAfter(Duration.ofHours(1), 0));
    run.until(job, JobState.Running.class);
    seconds(4);
    run.gpus.change(first, device -> device.withFault(Presence.UNREADABLE, "it does not answer"));
    run.gpus.change(second, device -> device.withFault(Presence.UNREADABLE, "it does not answer"));
    seconds(3);
    run.gpus.change(first, device -> device.withFault(Presence.LOST, "it fell off the bus"));
    seconds(2);
    assertThat(secondsOf(first))
        .isEqualTo(Map.of(Spent.HELD, 4L, Spent.UNOBSERVED, 3L, Spent.UNFIT, 2L));
    assertThat(secondsOf(second)).isEqualTo(Map.of(Spent.FREE, 4L, Spent.UNFIT, 5L));
  }

  /** Rounds do not come at whole milliseconds. */
  @Test
  void theKindsSumToTheClockAlsoAfterManyOddSteps() {
    for (int round = 0; round < 2_000; round++) {
      run.clock.advance(Duration.ofNanos(1_000_700_001));
      run.meter.round();
    }
    GpuMeter.Times times = Optional.ofNullable(run.meter.spent().get(first)).orElseThrow();
    assertThat(times.millis()).containsOnlyKeys(Spent.FREE);
    assertThat(Duration.ofMillis(times.millis().getOrDefault(Spent.FREE, 0L)))
        .isBetween(
            Duration.between(times.since(), run.clock.instant()).minusMillis(1),
            Duration.between(times.since(), run.clock.instant()));
  }

  @Test
  void aRunThatNobodyMeasuredHasHeldItsGpus() {
    JobId job = run.submit(Requests.simple(), Program.endsAfter(Duration.ofSeconds(100), 0));
    run.toTheEnd(job);
    GpuUse use = run.job(job).gpuUse().getFirst();
    assertThat(use.gpu()).isEqualTo(first.value());
    assertThat(use.heldSeconds()).isGreaterThanOrEqualTo(100);
    assertThat(use.utilizationPercent()).isEmpty();
    assertThat(use.energyJoules()).isEmpty();
  }

  @Test
  void anEarlierRunIsForgottenWhenTheNextHasTheSameGpu() {
    JobId job =
        run.submit(Requests.simple().retries(2), Program.endsAfter(Duration.ofSeconds(100), 1));
    run.until(job, JobState.Running.class);
    seconds(3);
    run.until(job, JobState.Stopping.class);
    run.until(job, JobState.Running.class);
    seconds(3);
    run.meter.close();
    assertThat(run.measured.load().orElseThrow().runs())
        .extracting(RunMeter.Saved::run)
        .containsExactly(2);
    assertThat(run.job(job).gpuUse()).extracting(GpuUse::run).containsExactly(1);
  }

  /** The machine's clock ran ahead before the boot. */
  @Test
  void whatEndsInTheFutureIsShifted() {
    seconds(10);
    run.meter.close();
    GpuMeter.Measured ahead = run.measured.load().orElseThrow();
    run.measured.save(
        new GpuMeter.Measured(
            ahead.at().plusSeconds(3_600),
            Map.of(
                first,
                new GpuMeter.Times(ahead.at().plusSeconds(3_590), Map.of(Spent.FREE, 10_000L))),
            List.of()));
    run.restart("boot-2");
    seconds(5);
    assertThat(secondsOf(first)).isEqualTo(Map.of(Spent.FREE, 15L));
  }

  /** What the device did before the run is not the run's. */
  @Test
  void aLookFromBeforeTheRunDoesNotCount() {
    tells(first, Map.of(GpuFact.UTILIZATION_PERCENT, 90L));
    run.gpus.stopLooking();
    run.clock.advance(Duration.ofSeconds(1));
    JobId job = run.submit(Requests.simple(), Program.endsAfter(Duration.ofSeconds(100), 0));
    run.settle(job);
    run.meter.round();
    assertThat(run.meter.useOf(run.job(job)).getFirst().utilizationPercent()).isEmpty();
  }

  @Test
  void aRunHoldsItsGpusFromItsLeaseOnAlsoIfTheMeterSawItLater() {
    JobId job = run.submit(Requests.simple(), Program.endsAfter(Duration.ofHours(1), 0));
    run.until(job, JobState.Running.class);
    run.clock.advance(Duration.ofSeconds(45));
    run.meter.round();
    assertThat(run.meter.useOf(run.job(job)).getFirst().heldSeconds()).isGreaterThanOrEqualTo(45);
  }

  @Test
  void aCounterThatBeginsAgainCountsOn() {
    JobId job = run.submit(Requests.simple(), Program.endsAfter(Duration.ofHours(1), 0));
    run.until(job, JobState.Running.class);
    for (long counter : new long[] {5_000, 7_000, 1_000, 4_000}) {
      tells(first, Map.of(GpuFact.ENERGY_MILLIJOULES, counter));
      seconds(1);
    }
    assertThat(run.meter.useOf(run.job(job)).getFirst().energyJoules()).hasValue(5);
  }
}
