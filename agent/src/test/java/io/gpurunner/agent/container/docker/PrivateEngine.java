package io.gpurunner.agent.container.docker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.github.dockerjava.api.DockerClient;
import io.gpurunner.agent.container.ContainerException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A second Docker engine, for tests that set it up in their own way or kill it. It has its own data
 * root and socket. It has either an empty network namespace of its own, or the machine's namespace
 * with a bridge of its own. Needs root and {@code dockerd}.
 */
public final class PrivateEngine implements AutoCloseable {
  private static final Duration START_LIMIT = Duration.ofSeconds(60);

  private final Path folder;
  private final ProcessBuilder builder = new ProcessBuilder();
  private final List<String> command;
  private final URI host;
  private Optional<Process> process = Optional.empty();
  private Optional<Process> containerd = Optional.empty();

  /**
   * @param folder holds all its files; a short path, since a socket's path may have 107 characters
   *     at most
   * @param firstOnPath the directory in which it looks for programs first
   */
  PrivateEngine(Path folder, Path firstOnPath, List<String> options) throws IOException {
    // Without a network namespace of its own, --bridge=none would delete docker0: the bridge of
    // the machine's own engine.
    this(folder, List.of("unshare", "--net"), "none");
    builder.environment().merge("PATH", firstOnPath.toString(), (old, ours) -> ours + ":" + old);
    start(options);
  }

  private PrivateEngine(Path folder, List<String> prefix, String bridge) {
    this.folder = folder;
    this.host = URI.create("unix://" + folder.resolve("s"));
    this.command = new ArrayList<>(prefix);
    command.addAll(
        List.of(
            "dockerd",
            "--data-root=" + folder.resolve("data"),
            "--exec-root=" + folder.resolve("exec"),
            "--pidfile=" + folder.resolve("pid"),
            "--host=" + host,
            "--bridge=" + bridge,
            "--iptables=false",
            "--ip6tables=false",
            "--ip-masq=false",
            "--ip-forward=false"));
  }

  /**
   * Returns an engine that is not started yet. Through its bridge it reaches what listens on this
   * machine. Its containerd outlives it, as if both were services.
   */
  public static PrivateEngine onBridge(Path folder, String bridge) throws IOException {
    PrivateEngine engine = new PrivateEngine(folder, List.of(), bridge);
    engine.startContainerd();
    return engine;
  }

  private void startContainerd() throws IOException {
    Path socket = folder.resolve("c");
    Path config = folder.resolve("containerd.toml");
    Files.writeString(
        config,
        """
        version = 2
        root = "%s"
        state = "%s"
        disabled_plugins = ["io.containerd.grpc.v1.cri"]
        [grpc]
        address = "%s"
        """
            .formatted(folder.resolve("c-root"), folder.resolve("c-state"), socket));
    containerd =
        Optional.of(
            new ProcessBuilder("containerd", "--config", config.toString())
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("containerd.log").toFile())
                .start());
    await().atMost(START_LIMIT).until(() -> Files.exists(socket));
    command.add("--containerd=" + socket);
  }

  /** Starts the engine, even after it was killed, and waits until it answers. */
  public void start(List<String> options) throws IOException {
    List<String> all = new ArrayList<>(command);
    all.addAll(options);
    builder.command(all).redirectErrorStream(true);
    builder.redirectOutput(ProcessBuilder.Redirect.appendTo(folder.resolve("log").toFile()));
    try {
      process = Optional.of(builder.start());
    } catch (IOException e) {
      throw new IOException("this test starts its own dockerd (run make test as root): " + e, e);
    }
    try (EngineConnection connection = new EngineConnection(host)) {
      await().atMost(START_LIMIT).until(() -> !process().isAlive() || answers(connection));
    }
    assertThat(process().isAlive())
        .as("dockerd runs; its log: %s", Files.readString(folder.resolve("log")))
        .isTrue();
  }

  /** Kills the engine with SIGKILL. Its containerd, containers and their shims live on. */
  public void kill() throws IOException {
    process().destroyForcibly();
    await().atMost(START_LIMIT).until(() -> !process().isAlive());
    // If another process has got its number, the next engine would not start.
    Files.deleteIfExists(folder.resolve("pid"));
  }

  private Process process() {
    return process.orElseThrow(() -> new IllegalStateException("it was never started"));
  }

  /** Ends the engine with SIGTERM, as a service manager does. */
  public void stop() throws IOException {
    process().destroy();
    await().atMost(START_LIMIT).until(() -> !process().isAlive());
  }

  private static boolean answers(EngineConnection connection) {
    try {
      connection.run("asking", CallLimits.QUICK, docker -> docker.pingCmd().exec());
      return true;
    } catch (ContainerException e) {
      return false;
    }
  }

  public URI host() {
    return host;
  }

  /** Returns the directory of each of its containers. */
  public List<Path> containerDirectories() {
    try (Stream<Path> all = Files.list(folder.resolve("data/containers"))) {
      return all.toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Returns the directory that its containerd ({@link #onBridge}) keeps for a container until the
   * engine has fetched the exit code.
   */
  public Path taskOf(String containerId) {
    return folder.resolve("c-state/io.containerd.runtime.v2.task/moby").resolve(containerId);
  }

  /** Returns whether the kernel has a process of a container. */
  public static boolean hasProcesses(String containerId) {
    return ContainerProcesses.exist(containerId);
  }

  /** Copies an image from the engine at that address. */
  public void copyImage(URI from, String image) {
    try (EngineConnection connection = new EngineConnection(from)) {
      copyImage(connection, image);
    }
  }

  /** Copies an image from another engine. */
  void copyImage(EngineConnection from, String image) {
    try (EngineConnection to = new EngineConnection(host)) {
      from.run(
          "copying the image " + image,
          CallLimits.CREATE,
          source -> to.run("loading it", CallLimits.CREATE, target -> copy(source, target, image)));
    }
  }

  private static void copy(DockerClient source, DockerClient target, String image) {
    try (InputStream tar = source.saveImageCmd(image).exec()) {
      target.loadImageCmd(tar).exec();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Ends the engine, and ends and unmounts what a killed engine has left. */
  @Override
  public void close() {
    process().destroy();
    try {
      if (!process().waitFor(START_LIMIT.toSeconds(), TimeUnit.SECONDS)) {
        process().destroyForcibly();
      }
      containerd.ifPresent(Process::destroy);
      endShims();
      for (String mount : mountsBelow(folder).reversed()) {
        new ProcessBuilder("umount", "--lazy", mount).inheritIO().start().waitFor();
      }
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Ends shims and their containers, which live on if an engine has lost them. */
  private void endShims() {
    ProcessHandle.allProcesses()
        .filter(
            process ->
                process
                    .info()
                    .commandLine()
                    .filter(line -> line.contains(folder + "/"))
                    .isPresent())
        .flatMap(process -> Stream.concat(process.descendants(), Stream.of(process)))
        .forEach(ProcessHandle::destroyForcibly);
  }

  /** Returns the mount points below a folder in the order of mounting (proc_pid_mountinfo(5)). */
  private static List<String> mountsBelow(Path folder) throws IOException {
    return Files.readAllLines(Path.of("/proc/self/mountinfo")).stream()
        .map(line -> line.split(" ", 6)[4])
        .filter(mount -> mount.startsWith(folder + "/"))
        .toList();
  }
}
