package io.gpurunner.agent.aot;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.gpurunner.agent.Agent;
import io.gpurunner.agent.cli.CommandLineInterface;
import io.gpurunner.agent.config.AgentConfig;
import io.gpurunner.agent.config.ConfigFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * The training run for Java's ahead-of-time cache (JEP 514), which {@code gpurunner prepare-start}
 * starts as a process of its own. It runs the agent in an empty directory, on loopback, beside a
 * fake container engine, and sends it the usual requests. Java observes the run and writes the
 * cache from it. The installed agent's files and containers are not touched.
 */
final class TrainingRun {
  /**
   * Java decides from this run what to compile. After only 100 jobs, code that runs thousands of
   * times was compiled late and badly, and a start took a tenth longer (docs/adr/008).
   */
  private static final int JOBS = 5_000;

  private static final int CLIENTS = 8;

  private static final Duration ANSWER_LIMIT = Duration.ofSeconds(30);
  private static final int READY_LOOKS = 300;

  /** The fake engine's answers, by the last part of the path. */
  private static final Map<String, String> ENGINE =
      Map.of(
          "version",
          "{\"Version\":\"20.10.24\",\"ApiVersion\":\"1.41\"}",
          "info",
          "{\"ID\":\"training\",\"ServerVersion\":\"20.10.24\",\"Runtimes\":{}}",
          "_ping",
          "OK");

  private final HttpClient client = HttpClient.newHttpClient();
  private final Path config;
  private final String address;
  private final int enginePort;

  private TrainingRun(Path config, String address, int enginePort) {
    this.config = config;
    this.address = address;
    this.enginePort = enginePort;
  }

  /**
   * Runs with one argument, an empty directory, which the caller removes afterwards. Exits with 0,
   * or with 1 and a stack trace.
   */
  public static void main(String[] arguments) {
    Training.run(arguments, TrainingRun::train);
  }

  private static void train(Path directory)
      throws IOException, InterruptedException, ExecutionException {
    InetAddress loopback = InetAddress.getLoopbackAddress();
    HttpServer engine = HttpServer.create(new InetSocketAddress(loopback, 0), 0);
    engine.createContext("/", TrainingRun::answerAsEngine);
    engine.start();
    int port = freePort(loopback);
    Path config = directory.resolve("gpurunner.yaml");
    Files.writeString(
        config,
        """
        state-dir: %1$s/state
        volumes: { enforcement: watch }
        http: { port: %2$d }
        gpu: { provider: simulated, simulated: ["GPU"] }
        docker: { host: "tcp://127.0.0.1:%3$d" }
        library: { datasets: %1$s, models: %1$s }
        callbacks: { allow: [127.0.0.1] }
        """
            .formatted(directory, port, engine.getAddress().getPort()));
    new TrainingRun(config, "http://127.0.0.1:" + port, engine.getAddress().getPort()).run();
    engine.stop(0);
  }

  private static int freePort(InetAddress loopback) throws IOException {
    try (ServerSocket probe = new ServerSocket(0, 1, loopback)) {
      return probe.getLocalPort();
    }
  }

  private static void answerAsEngine(HttpExchange exchange) throws IOException {
    String path = exchange.getRequestURI().getPath();
    Optional<String> known =
        Optional.ofNullable(ENGINE.get(path.substring(path.lastIndexOf('/') + 1)));
    byte[] body = known.orElse("{\"message\":\"none\"}").getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    exchange.sendResponseHeaders(known.isPresent() ? 200 : 404, body.length);
    try (exchange) {
      exchange.getResponseBody().write(body);
    }
  }

  private void run() throws IOException, InterruptedException, ExecutionException {
    String token = command("token", "create", "--user", "training");
    AgentConfig effective = ConfigFile.load(config);
    try (Agent _ = Agent.start(effective)) {
      int looks = 0;
      while (ask("/health/ready", Optional.empty(), token).statusCode() != 200
          && looks < READY_LOOKS) {
        looks++;
      }
      submitJobs(token);
    }
    // The second start finds jobs in the ledger.
    try (Agent _ = Agent.start(effective)) {
      ask("/health/live", Optional.empty(), token);
    }
  }

  private void submitJobs(String token)
      throws IOException, InterruptedException, ExecutionException {
    String body =
        """
        {"gpuNumber": 1, "gpuType": "GPU", "ckptPath": "/data", "ckptVol": "1", "modelPath": "/data2", "modelVol": "1",
        "imagePath": "training", "jobType": "GeneralJob", "stopType": "1", "stopTime": 5, "runCommand": "true",
        "callbackUrl": "http://127.0.0.1:%d/", "env": {"NAME": "value"}}
        """
            .formatted(enginePort);
    try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<?>> done = new ArrayList<>();
      for (int client = 0; client < CLIENTS; client++) {
        done.add(
            clients.submit(
                () -> {
                  for (int number = 0; number < JOBS / CLIENTS; number++) {
                    String created = ask("/api/userJob", Optional.of(body), token).body();
                    ask("/api/userJob/job_status", Optional.of(created), token);
                  }
                  return JOBS;
                }));
      }
      for (Future<?> one : done) {
        one.get();
      }
    }
    ask("/api/userJob", Optional.empty(), token);
    ask("/api/userJob/getGpuType", Optional.empty(), token);
  }

  private HttpResponse<String> ask(String path, Optional<String> body, String token)
      throws IOException, InterruptedException {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(address + path))
            .timeout(ANSWER_LIMIT)
            .header("Authorization", "Bearer " + token);
    body.ifPresent(text -> request.POST(HttpRequest.BodyPublishers.ofString(text)));
    return client.send(request.build(), HttpResponse.BodyHandlers.ofString());
  }

  private String command(String... words) {
    String[] all = new String[words.length + 2];
    System.arraycopy(words, 0, all, 0, words.length);
    all[words.length] = "--config";
    all[words.length + 1] = config.toString();
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    CommandLineInterface.run(
        all, new PrintStream(out, true, StandardCharsets.UTF_8), System.err, _ -> 0);
    return out.toString(StandardCharsets.UTF_8).strip();
  }
}
