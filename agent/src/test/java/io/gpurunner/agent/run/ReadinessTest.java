package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.FakeContainerRuntime.Program;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.Health;
import io.gpurunner.api.JobId;
import io.gpurunner.gpu.GpuDevice;
import io.gpurunner.gpu.GpuUuid;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
class ReadinessTest {
  @TempDir Path directory;

  @Test
  void speaksInTheWordsOfItsReader() {
    try (RunHarness run = new RunHarness(directory);
        Readiness readiness = readiness(run)) {
      assertThat(readiness.report().parts())
          .filteredOn(part -> !part.ok())
          .extracting(Health.Part::message)
          .containsExactly(
              "the container engine was not asked yet; try again in some seconds",
              "the store was not asked yet; try again in some seconds",
              "the disk was not looked at yet; try again in some seconds");

      readiness.start();
      await().until(() -> readiness.report().ready());
      assertThat(readiness.report().parts())
          .extracting(Health.Part::message)
          .contains("Docker 28.1, GPU access none");
    }
  }

  @Test
  void whileDockerDoesNotAnswerItIsNotReady() {
    try (RunHarness run = new RunHarness(directory);
        Readiness readiness = readiness(run)) {
      readiness.look();
      assertThat(readiness.report().ready()).isTrue();
      for (RuntimeException failure :
          List.of(
              new ContainerException(
                  ContainerException.Kind.UNREACHABLE, "no answer at unix:///run/docker.sock"),
              new IllegalStateException("no answer at unix:///run/docker.sock"))) {
        run.engine.fault(Optional.of(failure));
        readiness.look();
        assertThat(readiness.report().ready()).isFalse();
        assertThat(readiness.report().parts())
            .filteredOn(part -> !part.ok())
            .singleElement()
            .satisfies(part -> assertThat(part.name()).isEqualTo("docker"))
            .satisfies(
                part ->
                    assertThat(part.message()).contains("no answer at unix:///run/docker.sock"));
        run.engine.fault(Optional.empty());
        readiness.look();
        assertThat(readiness.report().ready()).isTrue();
      }
    }
  }

  @Test
  void aWarningLeavesItReady() {
    try (RunHarness run = new RunHarness(directory);
        Readiness readiness = readiness(run)) {
      readiness.alsoWarn(() -> List.of("http.tls is not set"));
      run.engine.weaknesses(List.of("runc 1.1.5 is old"));
      readiness.look();
      assertThat(readiness.report().ready()).isTrue();
      assertThat(readiness.report().warnings())
          .containsExactly("runc 1.1.5 is old", "http.tls is not set");
      // The next look for flaws is a minute later.
      run.engine.weaknesses(List.of());
      readiness.look();
      assertThat(readiness.report().warnings()).hasSize(2);
      for (int looks = 0; looks < 12; looks++) {
        readiness.look();
      }
      assertThat(readiness.report().warnings()).containsExactly("http.tls is not set");
    }
  }

  @Test
  void whileTheDriverFailsItIsNotReady() {
    try (RunHarness run = new RunHarness(directory);
        Readiness readiness = readiness(run)) {
      readiness.look();
      run.gpus.fail("driver not loaded");
      assertThat(readiness.report().parts())
          .filteredOn(part -> !part.ok())
          .containsExactly(new Health.Part("gpus", false, "driver not loaded"));
      run.gpus.recover();
      assertThat(readiness.report().ready()).isTrue();
    }
  }

  @Test
  void whileEachGpuReachesNoContainerThePartOfGpusIsOff() {
    try (RunHarness run = new RunHarness(directory);
        Readiness readiness = readiness(run)) {
      readiness.look();
      List<GpuUuid> both = run.gpus.snapshot().devices().stream().map(GpuDevice::uuid).toList();
      run.gate.close(new StartGate.Part.Gpu(both.getFirst()), "the hook failed");
      assertThat(readiness.report().ready()).isTrue();
      run.gate.close(new StartGate.Part.Gpu(both.getLast()), "the hook failed");
      assertThat(readiness.report().parts())
          .filteredOn(part -> !part.ok())
          .containsExactly(
              new Health.Part(
                  "gpus", false, "none of the 2 GPUs can be handed out: 2: the hook failed"));
    }
  }

  @Test
  void whileNoGpuCanReachAContainerJobsWithGpusWait() {
    try (RunHarness run = new RunHarness(directory);
        Readiness readiness = readiness(run)) {
      run.engine.gpuFault(Optional.of("no GPU can reach a container: install the toolkit"));
      readiness.look();
      assertThat(readiness.report().parts())
          .filteredOn(part -> !part.ok())
          .extracting(Health.Part::name)
          .containsExactly("gpus");
      JobId withGpu = run.submit(Requests.simple(), Program.endsAfter(Duration.ofSeconds(1), 0));
      JobId without =
          run.submit(Requests.simple().gpus(0), Program.endsAfter(Duration.ofSeconds(1), 0));
      assertThat(run.toTheEnd(without).state()).isInstanceOf(JobState.Succeeded.class);
      assertThat(run.ledger.find(withGpu).orElseThrow().state())
          .isInstanceOf(JobState.Queued.class);
      run.engine.gpuFault(Optional.empty());
      readiness.look();
      assertThat(readiness.report().ready()).isTrue();
      assertThat(run.toTheEnd(withGpu).state()).isInstanceOf(JobState.Succeeded.class);
    }
  }

  private static Readiness readiness(RunHarness run) {
    return new Readiness(
        "Docker", run.engine, run.store, run.gpus, run.volumes, run.ledger, run.gate);
  }
}
