package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.EngineProbe.EngineFacts;
import io.gpurunner.agent.container.EngineProbe.GpuAccess;
import io.gpurunner.api.Health;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
class ReadinessTest {
  @TempDir Path directory;

  @Test
  void speaksInTheWordsOfItsReader() throws InterruptedException {
    CountDownLatch asked = new CountDownLatch(2);
    try (RunHarness run = new RunHarness(directory);
        Readiness readiness =
            new Readiness(
                "Docker",
                () -> {
                  asked.countDown();
                  return new EngineFacts("28.1", GpuAccess.NONE);
                },
                run.store,
                run.gpus,
                run.volumes,
                run.ledger)) {
      assertThat(readiness.report().parts())
          .filteredOn(part -> !part.ok())
          .extracting(Health.Part::message)
          .containsExactly(
              "the container engine was not asked yet; try again in some seconds",
              "the store was not asked yet; try again in some seconds",
              "the disk was not looked at yet; try again in some seconds");

      readiness.start();
      assertThat(asked.await(20, TimeUnit.SECONDS)).isTrue();
      assertThat(readiness.report().ready()).isTrue();
      assertThat(readiness.report().parts())
          .extracting(Health.Part::message)
          .contains("Docker 28.1, GPU access none");
    }
  }

  @Test
  void whileDockerDoesNotAnswerItIsNotReady() {
    AtomicReference<Optional<RuntimeException>> fault = new AtomicReference<>(Optional.empty());
    try (RunHarness run = new RunHarness(directory);
        Readiness readiness =
            new Readiness(
                "Docker",
                () -> {
                  fault
                      .get()
                      .ifPresent(
                          failure -> {
                            throw failure;
                          });
                  return new EngineFacts("28.1", GpuAccess.NONE);
                },
                run.store,
                run.gpus,
                run.volumes,
                run.ledger)) {
      readiness.look();
      assertThat(readiness.report().ready()).isTrue();
      for (RuntimeException failure :
          List.of(
              new ContainerException(
                  ContainerException.Kind.UNREACHABLE, "no answer at unix:///run/docker.sock"),
              new IllegalStateException("no answer at unix:///run/docker.sock"))) {
        fault.set(Optional.of(failure));
        readiness.look();
        assertThat(readiness.report().ready()).isFalse();
        assertThat(readiness.report().parts())
            .filteredOn(part -> !part.ok())
            .singleElement()
            .satisfies(part -> assertThat(part.name()).isEqualTo("docker"))
            .satisfies(
                part ->
                    assertThat(part.message()).contains("no answer at unix:///run/docker.sock"));
        fault.set(Optional.empty());
        readiness.look();
        assertThat(readiness.report().ready()).isTrue();
      }
    }
  }

  @Test
  void whileTheDriverFailsItIsNotReady() {
    try (RunHarness run = new RunHarness(directory);
        Readiness readiness =
            new Readiness(
                "Docker",
                () -> new EngineFacts("28.1", GpuAccess.NONE),
                run.store,
                run.gpus,
                run.volumes,
                run.ledger)) {
      readiness.look();
      run.gpus.fail("driver not loaded");
      assertThat(readiness.report().parts())
          .filteredOn(part -> !part.ok())
          .containsExactly(new Health.Part("gpus", false, "driver not loaded"));
      run.gpus.recover();
      assertThat(readiness.report().ready()).isTrue();
    }
  }
}
