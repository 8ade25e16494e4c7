package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.gpurunner.agent.container.FakeContainerRuntime.Program;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.Caller;
import io.gpurunner.api.JobId;
import io.gpurunner.api.RequestRefusedException;
import io.gpurunner.gpu.DeviceFitness;
import io.gpurunner.gpu.GpuDevice;
import io.gpurunner.gpu.GpuHealth;
import io.gpurunner.gpu.GpuInventory;
import io.gpurunner.gpu.GpuUuid;
import io.gpurunner.gpu.HealthBook;
import io.gpurunner.gpu.SimulatedGpuInventory;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class GpuDeskTest {
  private static final Caller ROOT = new Caller("root", true);

  @TempDir Path directory;

  @SuppressWarnings("NullAway.Init") // created before each test
  private RunHarness run;

  private HealthBook health;
  private GpuInventory gpus;
  private GpuDesk desk;

  @BeforeEach
  void make() {
    run = new RunHarness(directory);
    health = HealthBook.forgetful(run.clock);
    gpus = new SimulatedGpuInventory(List.of(RunHarness.RTX, RunHarness.RTX), health, run.clock);
    desk = new GpuDesk(gpus, health, run.ledger);
  }

  @AfterEach
  void close() {
    run.close();
  }

  private GpuDevice gpu(int index) {
    return gpus.snapshot().devices().get(index);
  }

  @Test
  void aGpuIsQuarantinedAndReleasedByIndexOrUuid() {
    assertThat(desk.quarantine(ROOT, "1", "its fan is loud"))
        .isEqualTo(DeviceFitness.name(gpu(1)) + " is quarantined");
    assertThat(DeviceFitness.whyUnusable(gpu(1)))
        .contains("quarantined: its fan is loud (set by root)");
    assertThat(gpu(0).health()).isEqualTo(GpuHealth.HEALTHY);
    assertThat(desk.release(ROOT, gpu(1).uuid().value(), "a new fan")).contains("is released");
    assertThat(gpu(1).health().state()).isEqualTo(GpuHealth.State.RECOVERING);
    run.clock.advance(Duration.ofMinutes(1));
    assertThat(gpu(1).health().isUsable()).isTrue();
    assertThat(desk.release(ROOT, "1", "again")).endsWith("was not held");
  }

  @Test
  void anUnknownGpuIsNamed() {
    assertThatExceptionOfType(RequestRefusedException.class)
        .isThrownBy(() -> desk.quarantine(ROOT, "7", "x"))
        .withMessage("no such GPU: 7; gpurunner gpus lists them")
        .matches(refusal -> refusal.kind() == RequestRefusedException.Kind.NOT_FOUND);
  }

  /** A reset would take the GPU from a job that runs. */
  @Test
  void aHeldGpuIsNotLetGoOf() {
    JobId job = run.submit(Requests.simple(), Program.endsAfter(Duration.ofMinutes(1), 0));
    run.until(job, JobState.Running.class);
    GpuUuid held = ((JobState.Running) run.state(job)).gpus().getFirst();
    for (Optional<String> asked : List.of(Optional.of(held.value()), Optional.<String>empty())) {
      assertThatExceptionOfType(RequestRefusedException.class)
          .isThrownBy(() -> desk.releaseDriver(ROOT, asked))
          .withMessageContaining("held by job")
          .matches(refusal -> refusal.kind() == RequestRefusedException.Kind.CONFLICT);
    }
    assertThat(desk.quarantine(ROOT, held.value(), "x"))
        .endsWith("job " + job + " keeps it until the job has ended");
    assertThat(desk.releaseDriver(ROOT, Optional.of("1"))).contains("gpurunner gpus take");
    assertThat(desk.takeDriver(ROOT)).isEqualTo("the agent uses the NVIDIA driver again");
  }
}
