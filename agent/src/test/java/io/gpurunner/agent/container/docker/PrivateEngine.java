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
import java.util.concurrent.TimeUnit;

/**
 * A second Docker engine for tests that need it set up in a way of their own: own data root and
 * socket, and a network namespace of its own with nothing in it. Needs root and {@code dockerd}.
 */
final class PrivateEngine implements AutoCloseable {
  private static final Duration START_LIMIT = Duration.ofSeconds(60);

  private final Process process;
  private final URI host;

  /**
   * @param folder for all its files; short, since a socket's path may have 107 characters at most
   * @param firstOnPath a directory that it finds programs in before all others
   */
  PrivateEngine(Path folder, Path firstOnPath, List<String> options) throws IOException {
    this.host = URI.create("unix://" + folder.resolve("s"));
    List<String> command =
        new ArrayList<>(
            List.of(
                // Without a network namespace of its own, --bridge=none would delete docker0: the
                // bridge of the machine's own engine.
                "unshare",
                "--net",
                "dockerd",
                "--data-root=" + folder.resolve("data"),
                "--exec-root=" + folder.resolve("exec"),
                "--pidfile=" + folder.resolve("pid"),
                "--host=" + host,
                "--bridge=none",
                "--iptables=false"));
    command.addAll(options);
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().merge("PATH", firstOnPath.toString(), (old, ours) -> ours + ":" + old);
    builder.redirectErrorStream(true).redirectOutput(folder.resolve("log").toFile());
    try {
      process = builder.start();
    } catch (IOException e) {
      throw new IOException("this test starts its own dockerd (run make test as root): " + e, e);
    }
    try (EngineConnection connection = new EngineConnection(host)) {
      await().atMost(START_LIMIT).until(() -> !process.isAlive() || answers(connection));
    }
    assertThat(process.isAlive())
        .as("dockerd runs; its log: %s", Files.readString(folder.resolve("log")))
        .isTrue();
  }

  private static boolean answers(EngineConnection connection) {
    try {
      connection.run("asking", CallLimits.QUICK, docker -> docker.pingCmd().exec());
      return true;
    } catch (ContainerException e) {
      return false;
    }
  }

  URI host() {
    return host;
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

  @Override
  public void close() {
    process.destroy();
    try {
      if (!process.waitFor(START_LIMIT.toSeconds(), TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
