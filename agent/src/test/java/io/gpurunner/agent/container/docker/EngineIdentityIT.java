package io.gpurunner.agent.container.docker;

import static io.gpurunner.agent.container.ContainerRef.recorded;
import static io.gpurunner.agent.container.ContainerRef.unrecorded;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.ShortTemporaryDirectory;
import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.ContainerRuntime;
import io.gpurunner.agent.container.ContainerSpec;
import io.gpurunner.agent.container.Observation;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests how the engine that created a container is known, and which reports of another count. */
final class EngineIdentityIT {
  /** More events than an engine remembers (256). */
  private static final int EVENTS = 300;

  /** Holds a socket, whose path may have 107 characters at most. */
  @TempDir(factory = ShortTemporaryDirectory.class)
  private Path directory;

  private static EngineIdentity identityAt(URI host) {
    return new EngineIdentity(new EngineConnection(host));
  }

  @Test
  void theEngineIsTheSameByEveryWayToItsSocket() throws Exception {
    URI host = URI.create(TestEngine.required("DOCKER_HOST"));
    // This is another path to the socket, as /var/run is another path to /run.
    Path way = Files.createSymbolicLink(directory.resolve("way"), Path.of(host.getPath()));
    assertThat(identityAt(host).now()).isEqualTo(identityAt(URI.create("unix://" + way)).now());
  }

  @ParameterizedTest
  @ValueSource(strings = {"unix:///no/such/socket", "tcp://127.0.0.1:1", "tcp://192.0.2.1:2375"})
  void whereNoEngineListensTheAgentIsNotReady(String host) {
    assertThatThrownBy(() -> identityAt(URI.create(host)).now())
        .isInstanceOfSatisfying(
            ContainerException.class,
            e -> {
              assertThat(e.kind()).isEqualTo(Kind.UNREACHABLE);
              assertThat(e).hasMessageContaining(host).hasMessageContaining("docker.host must be");
            });
  }

  @Test
  void howeverMuchHappensACreatedContainerIsNotDoubtful() {
    try (TestEngine engine = new TestEngine()) {
      ContainerRuntime containers = engine.engine().containers();
      ContainerSpec spec = TestEngine.shell("exit 0");
      containers.create(spec);
      ContainerSpec other = TestEngine.shell("exit 0");
      containers.create(other);
      for (int i = 0; i < EVENTS; i++) {
        String from = i == 0 ? other.name().toString() : "moved-" + (i - 1) + other.name();
        String to = "moved-" + i + other.name();
        engine
            .connection()
            .run(
                "renaming",
                CallLimits.QUICK,
                docker -> docker.renameContainerCmd(from).withName(to).exec());
      }
      assertThat(containers.inspect(unrecorded(spec.name())))
          .get()
          .isInstanceOf(Observation.Created.class);
      containers.start(unrecorded(spec.name()));
      assertThat(engine.awaitExit(spec.name()).exitCode()).isZero();
    }
  }

  /** The engine's own network namespace lists its socket, and the agent's does not. */
  @Test
  void whatAnotherEngineCreatedIsDoubtfulAndIsNotStarted() throws Exception {
    try (PrivateEngine machine = new PrivateEngine(directory, directory, List.of());
        TestEngine engine = new TestEngine(machine.host(), GpuAccessMode.NONE)) {
      machine.copyImage(URI.create(TestEngine.required("DOCKER_HOST")), TestEngine.image());
      ContainerRuntime containers = engine.engine().containers();
      ContainerSpec spec = TestEngine.shell("exit 0");
      containers.create(spec);
      Observation created = containers.inspect(unrecorded(spec.name())).orElseThrow();
      assertThat(created).isInstanceOf(Observation.Created.class);
      String id = created.containerId();

      machine.stop();
      machine.start(List.of());
      Observation doubtful = new Observation.Doubtful(id, false);
      assertThat(containers.inspect(unrecorded(spec.name()))).contains(doubtful);
      containers.start(recorded(spec.name(), id));
      assertThat(containers.inspect(recorded(spec.name(), id))).contains(doubtful);

      containers.remove(unrecorded(spec.name()));
      containers.create(spec);
      containers.start(unrecorded(spec.name()));
      assertThat(engine.awaitExit(spec.name()).exitCode()).isZero();
    }
  }

  @Test
  void anEndIsMadeUpOnlyWhileAnEngineStartsAndAnswersNobody() throws Exception {
    URI host = URI.create(TestEngine.required("DOCKER_HOST"));
    try (EngineConnection connection = new EngineConnection(host)) {
      EngineIdentity identity = new EngineIdentity(connection);
      Instant began = new EngineSearch(host).find().began();
      Instant before = began.minusSeconds(60);
      Instant atItsStart = began.plusMillis(100);
      assertThat(identity.heardOfEnd(before, atItsStart)).isFalse();
      assertThat(identity.heardOfEnd(before, began.minusSeconds(1))).isTrue();
      assertThat(identity.heardOfEnd(before, began.plusSeconds(3_600))).isTrue();
      assertThat(identity.heardOfEnd(began.plusSeconds(1), began.plusSeconds(2))).isTrue();

      identity.asking(
          () -> connection.call("asking", CallLimits.QUICK, docker -> docker.infoCmd().exec()));
      assertThat(identity.heardOfEnd(before, atItsStart)).isFalse();
      assertThat(identity.heardOfEnd(before, Instant.now())).isTrue();
    }
  }
}
