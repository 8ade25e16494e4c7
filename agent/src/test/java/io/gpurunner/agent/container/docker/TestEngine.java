package io.gpurunner.agent.container.docker;

import static io.gpurunner.agent.container.ContainerRef.unrecorded;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.github.dockerjava.api.exception.NotFoundException;
import com.github.dockerjava.api.model.HostConfig;
import com.github.dockerjava.api.model.LogConfig;
import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerOutput;
import io.gpurunner.agent.container.ContainerSpec;
import io.gpurunner.agent.container.ContainerSpec.GpuAttachment;
import io.gpurunner.agent.container.ContainerSpec.Mount;
import io.gpurunner.agent.container.Observation;
import io.gpurunner.agent.container.OutputReading;
import io.gpurunner.api.ImageReference;
import io.gpurunner.api.JobId;
import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.UnaryOperator;

/** The engine that the test run provides. Containers get an instance label of this object's own. */
public final class TestEngine implements AutoCloseable {
  static final long SHARED_MEMORY_BYTES = 96L << 20;
  private static final Duration EXIT_LIMIT = Duration.ofSeconds(60);

  /** The settings of a fresh agent, on a machine where nobody has logged in to a registry. */
  static final PullSettings PULLS =
      new PullSettings(PullRule.NEWER, Path.of("/no/such/config.json"), Duration.ofMinutes(5));

  private final DockerSettings settings;
  private final DockerEngine engine;
  private final EngineConnection connection;
  private final List<String> unlabelled = new ArrayList<>();

  public TestEngine() {
    this(URI.create(required("DOCKER_HOST")), GpuAccessMode.AUTO);
  }

  TestEngine(URI host, GpuAccessMode mode) {
    this.settings = new DockerSettings(host, mode, "test-" + UUID.randomUUID(), PULLS);
    this.engine = DockerEngine.open(settings, UnaryOperator.identity());
    this.connection = new EngineConnection(host);
  }

  /** Returns the test image: busybox. */
  static String image() {
    return required("GPURUNNER_TEST_IMAGE");
  }

  static String required(String variable) {
    String value = System.getenv(variable);
    assertThat(value).as("environment variable %s (run make test)", variable).isNotBlank();
    return value;
  }

  public DockerEngine engine() {
    return engine;
  }

  DockerSettings settings() {
    return settings;
  }

  /** Returns a connection to the engine, for what the adapter cannot do. */
  EngineConnection connection() {
    return connection;
  }

  public static ContainerSpec shell(String script) {
    return spec(image(), List.of("/bin/sh", "-c", script), Map.of(), List.of());
  }

  static ContainerSpec spec(
      String image, List<String> command, Map<String, String> environment, List<Mount> mounts) {
    return new ContainerSpec(
        new ContainerName(JobId.random(), 1),
        ImageReference.of(image),
        command,
        environment,
        mounts,
        new GpuAttachment.None(),
        SHARED_MEMORY_BYTES);
  }

  public ContainerName start(ContainerSpec spec) {
    engine.containers().create(spec);
    engine.containers().start(unrecorded(spec.name()));
    return spec.name();
  }

  /** Gives a container another name, as somebody else would. */
  public void rename(ContainerName name, String other) {
    connection.run(
        "renaming " + name,
        CallLimits.QUICK,
        docker -> docker.renameContainerCmd(name.toString()).withName(other).exec());
  }

  /** Runs a container of this name without the agent's labels, as somebody else would. */
  public void startUnlabelled(String name) {
    connection.run(
        "running " + name,
        CallLimits.CREATE,
        docker -> {
          docker.createContainerCmd(image()).withName(name).withCmd("sleep", "3600").exec();
          unlabelled.add(name);
          docker.startContainerCmd(name).exec();
        });
  }

  /**
   * Runs a script to its end, in a container without the agent's labels and of which the engine
   * keeps less output.
   *
   * @param maxSize the largest size of each of its files, in the engine's spelling
   */
  ContainerName runWithSmallLog(String script, String maxSize) {
    ContainerName name = new ContainerName(JobId.random(), 1);
    Map<String, String> options = new TreeMap<>(LogLimits.JSON_FILE);
    options.put("max-size", maxSize);
    connection.run(
        "running " + name,
        CallLimits.CREATE,
        docker -> {
          docker
              .createContainerCmd(image())
              .withName(name.toString())
              .withCmd("/bin/sh", "-c", script)
              .withHostConfig(
                  HostConfig.newHostConfig()
                      .withLogConfig(new LogConfig(LogConfig.LoggingType.JSON_FILE, options)))
              .exec();
          unlabelled.add(name.toString());
          docker.startContainerCmd(name.toString()).exec();
        });
    await().atMost(EXIT_LIMIT).pollInterval(Duration.ofMillis(50)).until(() -> !isRunning(name));
    return name;
  }

  private boolean isRunning(ContainerName name) {
    return connection.call(
        "looking at " + name,
        CallLimits.QUICK,
        docker ->
            Boolean.TRUE.equals(
                docker.inspectContainerCmd(name.toString()).exec().getState().getRunning()));
  }

  /** Returns whether a container of this name runs, with or without labels. */
  public boolean runs(String name) {
    return connection.call(
        "listing what runs",
        CallLimits.QUICK,
        docker ->
            docker.listContainersCmd().exec().stream()
                .anyMatch(found -> List.of(found.getNames()).contains("/" + name)));
  }

  public Observation.Exited awaitExit(ContainerName name) {
    return await()
                .atMost(EXIT_LIMIT)
                .pollInterval(Duration.ofMillis(50))
                .until(
                    () -> engine.containers().inspect(unrecorded(name)).orElseThrow(),
                    Observation.Exited.class::isInstance)
            instanceof Observation.Exited exited
        ? exited
        : failed();
  }

  private static Observation.Exited failed() {
    throw new AssertionError("the container did not end");
  }

  /** Returns the file in which the engine keeps the output of a container. */
  public Path logFile(ContainerName name) {
    return connection.call(
        "looking at " + name,
        CallLimits.QUICK,
        docker -> Path.of(docker.inspectContainerCmd(name.toString()).exec().getLogPath()));
  }

  void awaitOutput(ContainerName name, String text) {
    await()
        .atMost(EXIT_LIMIT)
        .pollInterval(Duration.ofMillis(50))
        .until(() -> output(name).contains(text));
  }

  String output(ContainerName name) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (OutputReading reading =
        engine.output().read(unrecorded(name), new ContainerOutput.Part.All(), false)) {
      reading.giveTo(
          piece -> {
            bytes.writeBytes(piece.bytes());
            return true;
          });
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }

  /** Runs a container to its end, and returns what it printed. */
  String run(ContainerSpec spec) {
    ContainerName name = start(spec);
    awaitExit(name);
    return output(name);
  }

  private void removeUnlabelled(String name) {
    connection.run(
        "removing " + name,
        CallLimits.REMOVE,
        docker -> {
          try {
            docker.removeContainerCmd(name).withForce(true).exec();
          } catch (NotFoundException gone) {
            // It is gone already.
          }
        });
  }

  void removeContainers() {
    engine.containers().list().forEach(engine.containers()::discard);
  }

  /** Removes the containers that the test created. */
  @Override
  public void close() {
    removeContainers();
    unlabelled.forEach(this::removeUnlabelled);
    engine.close();
    connection.close();
  }
}
