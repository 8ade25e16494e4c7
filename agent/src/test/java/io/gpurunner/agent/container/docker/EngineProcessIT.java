package io.gpurunner.agent.container.docker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.Observation;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** When an engine began, and what it can know therefore. */
final class EngineProcessIT {
  @TempDir Path directory;

  @Test
  void theEngineIsTheYoungestThatHoldsItsSocket() throws Exception {
    URI host = URI.create(TestEngine.required("DOCKER_HOST"));
    Instant begun = EngineProcess.startedAt(host).orElseThrow();
    assertThat(begun).isBefore(Instant.now()).isAfter(Instant.now().minus(Duration.ofDays(30)));
    // By another way to the same place, as /var/run is one to /run.
    Path way = Files.createSymbolicLink(directory.resolve("way"), Path.of(host.getPath()));
    assertThat(EngineProcess.startedAt(URI.create("unix://" + way)).orElseThrow())
        .isCloseTo(begun, within(1, ChronoUnit.SECONDS));
  }

  @Test
  void whereNoProcessIsFoundNothingIsTold() {
    assertThat(EngineProcess.startedAt(URI.create("tcp://127.0.0.1:2375"))).isEmpty();
    assertThat(EngineProcess.startedAt(URI.create("unix:///no/such/socket"))).isEmpty();
  }

  @Test
  void anEndThatTheEngineMayHaveMadeUpIsNotVouchedFor() {
    try (TestEngine engine = new TestEngine()) {
      ContainerName name = engine.start(TestEngine.shell("exit 0"));
      Observation.Exited exited = engine.awaitExit(name);
      assertThat(exited.exitCode()).isZero();
      EngineMemory memory = new EngineMemory(engine.connection());
      Instant begun = EngineProcess.startedAt(engine.settings().host()).orElseThrow();
      Instant before = begun.minusSeconds(60);
      assertThat(memory.vouchesForEnd(exited.containerId(), before, begun.plusSeconds(1))).isTrue();
      String unknown = "0".repeat(64);
      assertThat(memory.vouchesForEnd(unknown, before, begun.plusSeconds(1))).isFalse();
      assertThat(memory.vouchesForEnd(unknown, before, begun.minusSeconds(1))).isTrue();
      assertThat(memory.vouchesForEnd(unknown, before, begun.plusSeconds(3_600))).isTrue();
      assertThat(memory.vouchesForEnd(unknown, begun.plusSeconds(1), begun.plusSeconds(2)))
          .isTrue();
      assertThat(memory.hasMade(exited.containerId())).isTrue();
      assertThat(memory.hasMade(unknown)).isFalse();
    }
  }
}
