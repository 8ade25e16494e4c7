package io.gpurunner.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.auth.SecretFiles;
import io.gpurunner.api.JwtSecret;
import io.gpurunner.api.TokenIssuer;
import io.vertx.core.json.JsonObject;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.awaitility.Awaitility;

/**
 * {@code gpurunner serve} in a process of its own, which can be killed. Clients use it over HTTP.
 */
final class AgentProcess implements AutoCloseable {
  private static final Duration ANSWER_LIMIT = Duration.ofSeconds(60);

  private static final Duration END_LIMIT = Duration.ofMinutes(2);

  /** The exit status that Java reports for a process that SIGKILL ended: 128 + 9. */
  private static final int KILLED = 137;

  private final HttpClient http = HttpClient.newHttpClient();
  private final Path directory;
  private final List<String> javaOptions;
  private final int port = TestEnvironment.freePort();
  private Optional<Process> process = Optional.empty();
  private int starts;
  private int commands;

  /** The exit status and the output of a process that ended by itself. */
  record Ended(int status, String said) {}

  /**
   * @param directory holds all its files
   * @param config the configuration without {@code state-dir} and {@code http}, which are added
   */
  AgentProcess(Path directory, String config, List<String> javaOptions) {
    this.directory = directory;
    this.javaOptions = List.copyOf(javaOptions);
    configure(config);
  }

  /**
   * Writes an ahead-of-time cache from one start of an agent. A start with it takes half of the
   * processor time. For tests that start many agents.
   *
   * @param directory an empty directory for the files of that agent
   * @return the Java options of a start with the cache
   */
  static List<String> prepareStart(Path directory, String config) throws Exception {
    Path cache = directory.resolve("start.aot");
    try (AgentProcess watched =
        new AgentProcess(directory, config, List.of("-XX:AOTCacheOutput=" + cache))) {
      watched.start();
      watched.ask("GET", "/health/ready", new JsonObject(), Map.of());
      Process process = watched.process.orElseThrow();
      process.destroy();
      assertThat(process.waitFor(END_LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
      assertThat(cache).as(watched.log()).isNotEmptyFile();
    }
    return List.of("-XX:AOTCache=" + cache);
  }

  /** Writes the configuration, which takes effect at the next start. */
  void configure(String config) {
    String own = "state-dir: %s\nhttp: { port: %d }\n".formatted(stateDirectory(), port);
    if (!config.contains("volumes:")) {
      own += "volumes: { enforcement: watch }\n"; // mounts would outlive an agent that is killed
    }
    try {
      Files.createDirectories(directory);
      Files.writeString(directory.resolve("gpurunner.yaml"), own + config);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  Path stateDirectory() {
    return directory.resolve("state");
  }

  Path jobDirectory(String jobId) {
    return stateDirectory().resolve("jobs").resolve(jobId);
  }

  void start() {
    process = Optional.of(begin(javaOptions, List.of("serve"), log(starts++)));
  }

  /** Runs another command with the agent's configuration in a process of its own, to its end. */
  Ended run(String... command) {
    Path said = directory.resolve("command-" + commands++ + ".log");
    return end(begin(List.of(), List.of(command), said), said);
  }

  /** Waits until the agent ends by itself. */
  Ended awaitEnd() {
    return end(process.orElseThrow(), log(starts - 1));
  }

  private Process begin(List<String> options, List<String> arguments, Path said) {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-XX:+UseSerialGC",
                // A short start matters more than later speed.
                "-XX:TieredStopAtLevel=1",
                "-cp",
                archives()));
    command.addAll(options);
    command.add("io.gpurunner.agent.Main");
    command.addAll(arguments);
    command.addAll(List.of("--config", directory.resolve("gpurunner.yaml").toString()));
    try {
      return new ProcessBuilder(command)
          .redirectErrorStream(true)
          .redirectOutput(said.toFile())
          .start();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns the class path without the directories of test classes, which an AOT cache refuses. */
  private static String archives() {
    String all =
        Optional.ofNullable(System.getProperty("surefire.test.class.path"))
            .orElse(System.getProperty("java.class.path"));
    return Stream.of(all.split(File.pathSeparator))
        .filter(entry -> entry.endsWith(".jar"))
        .collect(Collectors.joining(File.pathSeparator));
  }

  private static Ended end(Process ending, Path said) {
    try {
      boolean ended = ending.waitFor(END_LIMIT.toSeconds(), TimeUnit.SECONDS);
      if (!ended) {
        ending.destroyForcibly();
      }
      assertThat(ended).as(Files.readString(said)).isTrue();
      return new Ended(ending.exitValue(), Files.readString(said));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a test thread", e);
    }
  }

  private Path log(int start) {
    return directory.resolve("agent-" + start + ".log");
  }

  /** Returns the log since the last start. */
  String log() {
    try {
      return Files.readString(log(starts - 1));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns whether SIGKILL ended the agent. Any other end fails the test. */
  boolean wasKilled() {
    Process now = process.orElseThrow();
    if (now.isAlive()) {
      return false;
    }
    assertThat(now.exitValue()).as(log()).isEqualTo(KILLED);
    return true;
  }

  void kill() {
    process.ifPresent(
        now -> {
          now.destroyForcibly();
          try {
            assertThat(now.waitFor(10, TimeUnit.SECONDS)).isTrue();
          } catch (InterruptedException e) {
            throw new AssertionError("nothing interrupts a test thread", e);
          }
        });
  }

  /** Returns the process id of the agent that was started last. */
  long pid() {
    return process.orElseThrow().pid();
  }

  URI uri(String path) {
    return URI.create("http://127.0.0.1:" + port + path);
  }

  /** Returns a new token of a user. It is empty until the agent has created its key. */
  Optional<String> token(String user) {
    Path secret = stateDirectory().resolve("secrets/jwt.key");
    if (Files.notExists(secret)) {
      return Optional.empty();
    }
    return Optional.of(
        new TokenIssuer(new JwtSecret(SecretFiles.loadOrCreate(secret)))
            .issue(user, false, UUID.randomUUID().toString(), Instant.now(), Optional.empty()));
  }

  /** Sends one request. The result is empty if the agent is down, or ends before it answers. */
  Optional<HttpResponse<String>> tryAsk(
      String method, String path, JsonObject body, Map<String, String> headers) {
    Optional<String> token = token("ann");
    if (token.isEmpty()) {
      return Optional.empty();
    }
    HttpRequest.Builder request =
        HttpRequest.newBuilder(uri(path))
            .method(method, HttpRequest.BodyPublishers.ofString(body.encode()))
            .header("Authorization", "Bearer " + token.get())
            .timeout(ANSWER_LIMIT);
    headers.forEach(request::header);
    try {
      return Optional.of(http.send(request.build(), HttpResponse.BodyHandlers.ofString()));
    } catch (IOException gone) {
      return Optional.empty();
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a test thread", e);
    }
  }

  /** Repeats a request until the agent answers with another status than 503. */
  HttpResponse<String> ask(
      String method, String path, JsonObject body, Map<String, String> headers) {
    return Awaitility.await(method + " " + path + " to be answered")
        .atMost(ANSWER_LIMIT)
        .pollDelay(Duration.ZERO)
        .pollInterval(Duration.ofMillis(50))
        .until(
            () -> tryAsk(method, path, body, headers),
            answer -> answer.isPresent() && answer.get().statusCode() != 503)
        .orElseThrow();
  }

  @Override
  public void close() {
    kill();
    http.close();
  }
}
