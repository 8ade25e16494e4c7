package io.gpurunner.agent.aot;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.gpurunner.agent.cli.CommandLineInterface;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;

/**
 * The training run for the ahead-of-time cache of the commands for users, which {@code gpurunner
 * prepare-start} starts as a process of its own. It runs each command beside a fake agent on
 * loopback. The cache of {@link TrainingRun} would serve commands badly: Java loads all that a
 * cache holds, and that one holds the whole agent.
 */
final class CommandTraining {
  private static final String JOB_ID = "ai00000000-0000-4000-8000-000000000000";

  /** A job that has ended, so that nothing waits for it. */
  private static final String ENDED_ID = "ai00000000-0000-4000-8000-000000000001";

  private static final String LOG =
      """
      id: 1:1
      event: log
      data: {"text": "a line", "stream": "stdout", "time": "2026-01-01T00:00:00Z"}

      event: end
      data: {"state": "SUCCEEDED"}

      """;

  private static final String ARTIFACT = "content";

  /** Names the fake agent, whatever the variables of the process say. */
  private static final String HERE = " --context training ";

  /** The commands, each as a user calls it. */
  private static final List<String> COMMANDS =
      List.of(
          "whoami" + HERE,
          "ls" + HERE,
          "ls" + HERE + "-a --json",
          "status" + HERE + JOB_ID,
          "logs" + HERE + "-f " + JOB_ID,
          "submit" + HERE + "--image training --name training -- true",
          "submit" + HERE + "--wait --image training --name training -- true",
          "status" + HERE + "--wait " + ENDED_ID,
          "cancel" + HERE + JOB_ID,
          "artifacts" + HERE + JOB_ID,
          "retry-upload" + HERE + JOB_ID,
          "top" + HERE + "--once",
          "gpus" + HERE,
          "ls --help",
          "--help");

  private CommandTraining() {}

  /**
   * Runs with one argument, an empty directory, which the caller removes afterwards. Exits with 0,
   * or with 1 and a stack trace.
   */
  public static void main(String[] arguments) {
    Training.run(arguments, CommandTraining::train);
  }

  /**
   * Runs the commands.
   *
   * @param home an empty directory, in which the context of the fake agent is written
   */
  private static void train(Path home) throws IOException {
    HttpServer agent =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    agent.createContext("/", CommandTraining::answer);
    agent.start();
    int port = agent.getAddress().getPort();
    writeContext(home, port);
    System.setProperty("user.home", home.toString());
    List<String> commands = new ArrayList<>(COMMANDS);
    commands.add("ls --config " + writeConfig(home, port));
    commands.add("artifacts" + HERE + JOB_ID + " --get " + home.resolve("fetched"));
    for (String command : commands) {
      String[] words = command.strip().split(" ");
      int status = CommandLineInterface.run(words, System.out, System.err, _ -> 0);
      if (status != 0) {
        throw new IllegalStateException(command + ": exit status " + status);
      }
    }
    agent.stop(0);
  }

  private static void writeContext(Path home, int port) throws IOException {
    Path directory = Files.createDirectories(home.resolve(".config/gpurunner"));
    Path token = directory.resolve("training.token");
    Files.writeString(token, "training\n");
    Files.setPosixFilePermissions(token, PosixFilePermissions.fromString("rw-------"));
    Files.writeString(
        directory.resolve("config.yaml"),
        """
        current: training
        contexts:
          training: { url: "http://127.0.0.1:%d", token-file: training.token }
        """
            .formatted(port));
  }

  /** Writes the configuration of an agent on this machine, as which the fake one passes. */
  private static Path writeConfig(Path home, int port) throws IOException {
    return Files.writeString(
        home.resolve("gpurunner.yaml"),
        "state-dir: %s/state\nhttp: { port: %d }\n".formatted(home, port));
  }

  private static void answer(HttpExchange exchange) throws IOException {
    exchange.getRequestBody().readAllBytes();
    String path = exchange.getRequestURI().getPath();
    boolean isLog = path.endsWith("/logs");
    String body = isLog ? LOG : answer(path, exchange.getRequestMethod());
    byte[] bytes = body.getBytes(UTF_8);
    exchange
        .getResponseHeaders()
        .set("Content-Type", isLog ? "text/event-stream" : "application/json");
    exchange.sendResponseHeaders(200, bytes.length);
    try (exchange) {
      exchange.getResponseBody().write(bytes);
    }
  }

  private static String answer(String path, String method) {
    return switch (path) {
      case "/api/userJob" ->
          method.equals("POST")
              ? "{\"job_id\": \"" + ENDED_ID + "\"}"
              : "{\"totalElements\": 1, \"content\": [" + job(JOB_ID, "RUNNING") + "]}";
      case "/api/userJob/" + JOB_ID -> job(JOB_ID, "RUNNING");
      case "/api/userJob/" + ENDED_ID -> job(ENDED_ID, "SUCCEEDED");
      case "/api/userJob/" + JOB_ID + "/artifacts" ->
          "{\"state\": \"SUCCEEDED\", \"files\": [{\"name\": \"a\", \"bytes\": %d, \"url\": \"/a\"}]}"
              .formatted(ARTIFACT.length());
      case "/a" -> ARTIFACT;
      case "/api/userJob/getGpuType" -> "[{\"gpuProd\": \"GPU\", \"amount\": 1}]";
      case "/api/gpus" -> "{\"gpus\": [{\"index\": 0, \"gpuProd\": \"GPU\", \"state\": \"free\"}]}";
      default -> "{\"user\": \"alice\", \"admin\": false, \"message\": \"done\"}";
    };
  }

  private static String job(String id, String state) {
    return """
    {"job_id": "%s", "name": "training", "user": "alice", "state": "%s", "gpuNumber": 1,
     "gpuType": "GPU", "createdAt": "2026-01-01T00:00:00Z",
     "startedAt": "2026-01-01T00:01:00Z", "deadline": "2026-01-01T01:00:00Z", "reason": "",
     "queuePosition": 1, "imagePath": "training", "runCommand": "true",
     "events": [{"at": "2026-01-01T00:00:00Z", "kind": "created", "message": "a job's history"}]}
    """
        .formatted(id, state);
  }
}
