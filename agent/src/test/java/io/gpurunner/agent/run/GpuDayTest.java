package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.FakeContainerRuntime.Program;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.JobId;
import io.gpurunner.gpu.DeviceFitness;
import io.gpurunner.gpu.GpuDetails;
import io.gpurunner.gpu.GpuDevice;
import io.gpurunner.gpu.GpuDevice.Presence;
import io.gpurunner.gpu.GpuFact;
import io.gpurunner.gpu.GpuProcess;
import io.gpurunner.gpu.GpuUuid;
import io.gpurunner.gpu.HealthBook;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * 24 hours of a machine of which one GPU goes from one fault to the next, while jobs of five
 * minutes keep both GPUs busy. The clock is moved by the test.
 */
final class GpuDayTest {
  private static final Duration DAY = Duration.ofHours(24);
  private static final Duration TICK = Duration.ofMinutes(1);
  private static final Duration JOB = Duration.ofMinutes(5);
  private static final int QUEUED = 3;

  /** What is wrong with the GPU, half an hour each. */
  private enum Phase {
    SOUND,
    DOUBLE_BIT_ERROR,
    RESET,
    TOO_HOT,
    UNCORRECTED,
    SOUND_AGAIN,
    HANGS,
    OFF_THE_BUS,
    BACK,
    MIG,
    FOREIGN_PROCESS,
    PROGRAMS_FAULT;

    private static final Duration LENGTH = Duration.ofMinutes(30);

    static Phase at(Duration since) {
      return values()[(int) (since.dividedBy(LENGTH) % values().length)];
    }
  }

  @TempDir Path directory;

  @SuppressWarnings("NullAway.Init") // created before each test
  private RunHarness run;

  @SuppressWarnings("NullAway.Init") // created before each test
  private HealthBook health;

  private final Map<JobId, Boolean> live = new LinkedHashMap<>();
  private final Map<JobId, GpuUuid> gpuOf = new HashMap<>();
  private final Map<String, Integer> done = new HashMap<>();
  private final List<String> failures = new ArrayList<>();
  private final EnumMap<Phase, Integer> startsOnBad = new EnumMap<>(Phase.class);
  private Phase last = Phase.SOUND;

  @BeforeEach
  void make() {
    run = new RunHarness(directory);
    health = HealthBook.forgetful(run.clock);
  }

  @AfterEach
  void close() {
    run.close();
  }

  @Test
  void oneGpuOfManyFaultsTakesNothingFromTheOther() {
    Instant began = run.clock.instant();
    List<GpuUuid> gpus = run.gpus.snapshot().devices().stream().map(GpuDevice::uuid).toList();
    GpuUuid bad = gpus.getFirst();
    GpuUuid good = gpus.getLast();
    while (Duration.between(began, run.clock.instant()).compareTo(DAY) < 0) {
      Phase phase = Phase.at(Duration.between(began, run.clock.instant()));
      GpuDevice seen = show(bad, phase);
      Optional<String> unfit = DeviceFitness.whyUnusable(seen);
      while (live.size() < QUEUED + gpus.size()) {
        live.put(run.submit(Requests.simple(), Program.endsAfter(JOB, 0)), false);
      }
      for (JobId id : List.copyOf(live.keySet())) {
        settle(id, bad, unfit, phase);
      }
      run.gate.round();
      run.clock.advance(TICK);
    }
    assertThat(failures)
        .as("only the job that ran when the GPU fell off the bus")
        .allMatch(reason -> reason.contains("was lost"))
        .hasSizeLessThanOrEqualTo(4);
    assertThat(startsOnBad.keySet())
        .containsExactlyInAnyOrder(
            Phase.SOUND,
            Phase.RESET,
            Phase.TOO_HOT,
            Phase.SOUND_AGAIN,
            Phase.BACK,
            Phase.PROGRAMS_FAULT);
    long most = DAY.dividedBy(JOB);
    assertThat(done.getOrDefault(good.value(), 0))
        .as("the good GPU works all day, but for the minutes between two jobs")
        .isGreaterThan((int) (most * 6 / 10));
    assertThat(done.getOrDefault(bad.value(), 0)).isGreaterThan((int) (most / 4));
    assertThat(run.ledger.live()).hasSameSizeAs(live.keySet());
  }

  private void settle(JobId id, GpuUuid bad, Optional<String> unfit, Phase phase) {
    Job job = run.settle(id);
    switch (job.state()) {
      case JobState.Running running -> {
        if (Boolean.FALSE.equals(live.put(id, true)) && running.gpus().contains(bad)) {
          assertThat(unfit).as("%s starts on a bad GPU in %s", id, phase).isEmpty();
          startsOnBad.merge(phase, 1, Integer::sum);
        }
        gpuOf.put(id, running.gpus().getFirst());
      }
      case JobState.Succeeded _ -> {
        live.remove(id);
        done.merge(String.valueOf(gpuOf.remove(id)), 1, Integer::sum);
      }
      case JobState.Failed failed -> {
        live.remove(id);
        failures.add(failed.reason());
      }
      default -> {} // it waits, or is under way
    }
  }

  /** Shows the GPU as it is in a phase. */
  private GpuDevice show(GpuUuid bad, Phase phase) {
    boolean isNew = phase != last;
    boolean cameBack = isNew && (phase == Phase.RESET || phase == Phase.BACK);
    last = phase;
    GpuDevice healthy = GpuDevice.free(bad, 0, RunHarness.RTX, 24L << 30);
    Instant now = run.clock.instant();
    GpuDevice raw =
        switch (phase) {
          case SOUND, SOUND_AGAIN, RESET, BACK -> healthy;
          case DOUBLE_BIT_ERROR -> reporting(healthy, isNew, 48);
          case PROGRAMS_FAULT -> reporting(healthy, isNew, 31);
          case TOO_HOT -> with(healthy, GpuFact.CLOCK_REASONS, 64);
          case UNCORRECTED -> with(healthy, GpuFact.ECC_UNCORRECTED, 1);
          case HANGS -> healthy.withFault(Presence.UNREADABLE, "it hangs");
          case OFF_THE_BUS -> healthy.withFault(Presence.LOST, "it fell off the bus");
          case MIG -> healthy.withFault(Presence.READABLE, "MIG mode is on");
          case FOREIGN_PROCESS ->
              healthy.withUse(
                  healthy.memory().withUsed(1L << 30), List.of(new GpuProcess(4711, 1L << 30)));
        };
    GpuDevice judged =
        health.judge(List.of(raw), cameBack ? Set.of(bad) : Set.of(), now).getFirst();
    run.gpus.change(bad, _ -> judged);
    return judged;
  }

  private GpuDevice reporting(GpuDevice device, boolean isNew, long number) {
    return isNew
        ? device.withDetails(
            new GpuDetails(
                Optional.empty(),
                Map.of(),
                List.of(new GpuDetails.ReportedXid(run.clock.instant(), number))))
        : device;
  }

  private static GpuDevice with(GpuDevice device, GpuFact fact, long value) {
    return device.withDetails(new GpuDetails(Optional.empty(), Map.of(fact, value), List.of()));
  }
}
