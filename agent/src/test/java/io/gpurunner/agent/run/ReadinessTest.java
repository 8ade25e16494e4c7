package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.api.Health;
import java.nio.file.Path;
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
  void whileNoContainerGetsAGpuOnlyThePartOfGpusIsOff() {
    try (RunHarness run = new RunHarness(directory);
        Readiness readiness = readiness(run)) {
      readiness.look();
      run.gate.close(StartGate.Part.GPUS, List.of(), "the hook failed");
      assertThat(readiness.report().parts())
          .filteredOn(part -> !part.ok())
          .containsExactly(
              new Health.Part("gpus", false, "no container can be started: the hook failed"));
    }
  }

  private static Readiness readiness(RunHarness run) {
    return new Readiness(
        "Docker", run.engine, run.store, run.gpus, run.volumes, run.ledger, run.gate);
  }
}
