package io.gpurunner.agent.container.docker;

import static io.gpurunner.agent.container.ContainerRef.unrecorded;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerSpec;
import io.gpurunner.agent.container.ContainerSpec.Mount;
import io.gpurunner.agent.container.Observation;
import io.gpurunner.agent.container.RunCommand;
import io.gpurunner.agent.container.StopRequest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.awaitility.core.ConditionTimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** Starts programs in containers and stops them, as the agent does. */
abstract class StopCases {
  private static final Duration SOON = Duration.ofMinutes(3);

  final TestEngine engine = new TestEngine();

  /** What the history would say. */
  final List<String> said = new ArrayList<>();

  @TempDir Path directory;

  @BeforeEach
  void makeDirectories() throws IOException {
    Files.createDirectories(directory.resolve("out"));
    Files.createDirectories(directory.resolve("work"));
  }

  @AfterEach
  void removeContainers() {
    engine.close();
  }

  /** Writes a script that the container finds below {@code /work}. */
  void write(String name, String text) throws IOException {
    Path file = Files.writeString(directory.resolve("work").resolve(name), text);
    assertThat(file.toFile().setExecutable(true)).isTrue();
  }

  /** Starts a command, and returns once its program has made {@code /out/ready-1}. */
  ContainerName start(String image, String command, Map<String, String> environment) {
    ContainerSpec spec =
        TestEngine.spec(
            image,
            RunCommand.parse(command),
            environment,
            List.of(
                new Mount(directory.resolve("out"), "/out", false),
                new Mount(directory.resolve("work"), "/work", true)));
    ContainerName name = engine.start(spec);
    try {
      awaitFile("ready-1");
    } catch (ConditionTimeoutException e) {
      throw new AssertionError(engine.output(name), e);
    }
    return name;
  }

  void awaitFile(String name) {
    await(name).atMost(SOON).until(() -> Files.exists(directory.resolve("out").resolve(name)));
  }

  /** Asks as the agent does, again and again, until the container has ended. */
  Observation.Exited stop(ContainerName name) {
    StopRequest[] request = {ask(name, StopRequest.none())};
    await("the end of " + name)
        .atMost(SOON)
        .pollInterval(Duration.ofMillis(100))
        .until(
            () -> {
              request[0] = ask(name, request[0]);
              return engine.engine().containers().inspect(unrecorded(name)).orElseThrow()
                  instanceof Observation.Exited;
            });
    return engine.awaitExit(name);
  }

  StopRequest ask(ContainerName name, StopRequest earlier) {
    StopRequest request = engine.engine().containers().askToStop(unrecorded(name), earlier);
    request.words().ifPresent(said::add);
    return request;
  }

  /** Returns what the programs have written. */
  String model() throws IOException {
    return Files.readString(directory.resolve("out/model"));
  }
}
