package io.gpurunner.agent.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpServer;
import io.gpurunner.agent.auth.TokenId;
import io.gpurunner.agent.auth.TokenRegistry;
import io.gpurunner.agent.config.AgentConfig;
import io.gpurunner.agent.config.ConfigFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
final class CommandLineInterfaceTest {
  private static final String JOB = "aia1905cd8-650a-4cd9-b005-677ec3376db0";
  private static final ServeAction NO_SERVE =
      config -> {
        throw new AssertionError("serve must not run here");
      };

  @TempDir private Path directory;
  private Path config;
  private int port;

  /** The exit status and the output of a command. */
  private record Outcome(int status, String out, String err) {}

  @BeforeEach
  void writeConfig() throws IOException {
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = free.getLocalPort();
    }
    config = directory.resolve("gpurunner.yaml");
    Files.writeString(
        config, "state-dir: %s\nhttp: {port: %d}\n".formatted(directory.resolve("state"), port));
  }

  @Test
  void tokenCreatePrintsTheTokenAndNothingElse() throws IOException {
    Outcome created =
        run("token", "create", "--user", "eng@sxwl.ai", "--config", config.toString());

    assertThat(created.status()).isZero();
    assertThat(created.err()).isEmpty();
    assertThat(created.out()).matches("[\\w-]+\\.[\\w-]+\\.[\\w-]+\\R");
    JsonNode claims = claims(created.out());
    assertThat(claims.get("user").asText()).isEqualTo("eng@sxwl.ai");
    assertThat(claims.get("sub").asText()).isEqualTo("eng@sxwl.ai");
    assertThat(claims.has("exp")).isFalse();
    assertThat(claims.has("role")).isFalse();
    assertThat(registry().list())
        .singleElement()
        .satisfies(
            entry -> assertThat(entry.token().id().value()).isEqualTo(claims.get("jti").asText()));
    try (var files = Files.walk(directory.resolve("state/tokens"))) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        assertThat(Files.readString(file)).doesNotContain(created.out().strip());
      }
    }
  }

  @Test
  void adminsAndDays() throws IOException {
    Outcome created =
        run(
            "token",
            "create",
            "--user",
            "root",
            "--admin",
            "--days",
            "3",
            "--config",
            config.toString());
    JsonNode claims = claims(created.out());
    assertThat(claims.get("role").asText()).isEqualTo("admin");
    assertThat(claims.get("exp").asLong() - claims.get("iat").asLong())
        .isEqualTo(Duration.ofDays(3).toSeconds());
  }

  @Test
  void listAndRevoke() throws IOException {
    assertThat(run("token", "list", "--config", config.toString()).out())
        .isEqualTo("JTI  USER  ROLE  ISSUED  EXPIRES  STATE" + System.lineSeparator());
    run("token", "create", "--user", "Ada", "--config", config.toString());
    run(
        "token",
        "create",
        "--user",
        "a longer name",
        "--admin",
        "--days",
        "1",
        "--config",
        config.toString());
    List<String> lines = run("token", "list", "--config", config.toString()).out().lines().toList();
    assertThat(lines).hasSize(3);
    int column = lines.getFirst().indexOf("ROLE");
    assertThat(lines.subList(1, 3))
        .allMatch(line -> line.substring(column).matches("(user|admin) .*valid"));

    String jti =
        registry().list().stream()
            .filter(entry -> entry.token().user().value().equals("Ada"))
            .map(entry -> entry.token().id().value())
            .findFirst()
            .orElseThrow();
    Outcome revoked = run("token", "revoke", jti, "--config", config.toString());
    assertThat(revoked).isEqualTo(new Outcome(0, "revoked " + jti + System.lineSeparator(), ""));
    assertThat(run("token", "revoke", jti, "--config", config.toString()))
        .isEqualTo(new Outcome(0, jti + " was revoked before" + System.lineSeparator(), ""));
    assertThat(registry().isRevoked(jti)).isTrue();

    JsonNode listed =
        new ObjectMapper()
            .readTree(run("token", "list", "--json", "--config", config.toString()).out());
    assertThat(listed).hasSize(2);
    for (JsonNode entry : listed) {
      boolean ada = entry.get("user").asText().equals("Ada");
      assertThat(entry.get("state").asText()).isEqualTo(ada ? "revoked" : "valid");
      assertThat(entry.get("admin").asBoolean()).isEqualTo(!ada);
      assertThat(entry.has("expires")).isEqualTo(!ada);
      assertThat(Instant.parse(entry.get("issuedAt").asText())).isBefore(Instant.now());
    }
  }

  @Test
  void unknownTokensAreNotRevoked() {
    Outcome outcome = run("token", "revoke", "abc", "--config", config.toString());
    assertThat(outcome)
        .isEqualTo(
            new Outcome(
                1,
                "",
                "gpurunner: no token abc is on record; see them with: gpurunner token list"
                    + System.lineSeparator()));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "token",
        "config",
        "sevre",
        "serve --colour",
        "serve extra",
        "token create",
        "token create --user",
        "token create --user u --days 0",
        "token create --user u --days x",
        "token create --user u --days 36501",
        "token revoke",
        "token revoke ../x",
        "retry-upload",
        "retry-upload ai123",
        "gpus quarantine 0",
        "gpus release --reason x",
        "gpus release-driver",
        "gpus reset",
        "gpus --color blue",
        "submti",
      })
  void wrongUsage(String line) {
    Outcome outcome = run(line.isEmpty() ? new String[0] : line.split(" ", -1));
    assertThat(outcome.status()).isEqualTo(2);
    assertThat(outcome.out()).isEmpty();
    assertThat(outcome.err())
        .startsWith("gpurunner: ")
        .contains("Try: gpurunner")
        .doesNotContain("\tat ");
    assertThat(directory.resolve("state")).doesNotExist();
  }

  @Test
  void badUserNames() {
    Outcome outcome = run("token", "create", "--user", "a\nb", "--config", config.toString());
    assertThat(outcome.status()).isEqualTo(2);
    assertThat(outcome.err())
        .startsWith("gpurunner: --user: not a user name; accepted: 1 to 128 printable");
  }

  @Test
  void configCheckPrintsWhatIsInEffect() {
    Outcome outcome = run("config", "check", "--config", config.toString());
    assertThat(outcome.status()).isZero();
    assertThat(outcome.out()).startsWith("# " + config + " is valid").contains("  port: " + port);
  }

  @Test
  void filesThatServeCannotUseAreAllNamedBeforeItStarts() throws IOException {
    Path state = Files.writeString(directory.resolve("file"), "");
    Path secret = Files.writeString(directory.resolve("jwt.key"), "short");
    Path two = Files.writeString(directory.resolve("two"), "a\nb\n");
    Path pem = Files.writeString(directory.resolve("cert.pem"), "no certificate");
    Files.setPosixFilePermissions(secret, PosixFilePermissions.fromString("rw-------"));
    Files.writeString(
        config,
        """
        state-dir: %s
        auth: { secret-file: %s }
        http: { tls: { certificate: %s, key: %s } }
        store: { type: s3, s3: { bucket: b-1, access-key-file: %s, secret-key-file: %s } }
        """
            .formatted(state, secret, pem, pem, two, directory));
    for (String command : List.of("config check", "serve")) {
      String line = command + " --config " + config;
      Outcome outcome = run(line.split(" ", -1));

      assertThat(outcome.status()).isEqualTo(1);
      assertThat(outcome.out()).isEmpty();
      assertThat(outcome.err().lines())
          .containsExactly(
              "gpurunner: state-dir: "
                  + state
                  + " cannot be created: "
                  + state
                  + " is not a directory",
              "gpurunner: auth.secret-file: secret "
                  + secret
                  + ": must hold 64 to 4096 bytes, holds 5; create a new one with: head -c 64"
                  + " /dev/urandom | base64 -w0 > "
                  + secret,
              "gpurunner: http.tls.certificate: "
                  + pem
                  + " holds no certificate in PEM form; accepted: the server's certificate and then"
                  + " its chain, each beginning with -----BEGIN CERTIFICATE-----",
              "gpurunner: store.s3.access-key-file: "
                  + two
                  + " must hold one line with the key and nothing else",
              "gpurunner: store.s3.secret-key-file: "
                  + directory
                  + " cannot be read as user "
                  + System.getProperty("user.name")
                  + ": Is a directory");
    }
  }

  @Test
  void anAbsentSecretNeedsAPlaceToBeMadeIn() throws IOException {
    Path file = Files.writeString(directory.resolve("file"), "");
    Files.writeString(
        config,
        "state-dir: %s\nauth: { secret-file: %s/a/b }\n"
            .formatted(directory.resolve("state"), file));
    assertThat(run("config", "check", "--config", config.toString()).err())
        .isEqualTo(
            "gpurunner: auth.secret-file: %s/a cannot be created: %s is not a directory%n"
                .formatted(file, file));
  }

  @Test
  void configCheckMakesNothing() {
    assertThat(run("config", "check", "--config", config.toString()).status()).isZero();
    assertThat(directory.resolve("state")).doesNotExist();
  }

  @Test
  void aBadConfigurationIsAFailureWithAllItsErrors() throws IOException {
    Files.writeString(config, "http: {prot: 1}\njobs: {retention: soon}\n");
    for (List<String> command :
        List.of(
            List.of("config", "check"),
            List.of("serve"),
            List.of("token", "list"),
            List.of("token", "create", "--user", "u"))) {
      List<String> all = new ArrayList<>(command);
      all.addAll(List.of("--config", config.toString()));
      Outcome outcome = run(all.toArray(String[]::new));
      assertThat(outcome.status()).as("%s", command).isEqualTo(1);
      assertThat(outcome.out()).isEmpty();
      assertThat(outcome.err().lines())
          .hasSize(2)
          .first()
          .isEqualTo(config + ":1: http.prot: unknown key; did you mean http.port?");
    }
  }

  @Test
  void anAbsentConfigurationThatWasNamed() {
    Outcome outcome = run("config", "check", "--config", "/no/such/file.yaml");
    assertThat(outcome.status()).isEqualTo(1);
    assertThat(outcome.err()).startsWith("/no/such/file.yaml: no such file");
  }

  @Test
  void serveHandsOnTheConfigurationAndTheExitStatus() {
    List<AgentConfig> served = new ArrayList<>();
    ServeAction action =
        effective -> {
          served.add(effective);
          return 1;
        };
    assertThat(run(action, "serve", "--config", config.toString()).status()).isEqualTo(1);
    assertThat(served).containsExactly(ConfigFile.load(config));
  }

  @Test
  void theUnforeseenIsReportedWithItsTrace() {
    ServeAction broken =
        effective -> {
          throw new IllegalStateException("broken");
        };
    Outcome outcome = run(broken, "serve", "--config", config.toString());
    assertThat(outcome.status()).isEqualTo(1);
    assertThat(outcome.err()).contains("internal error").contains("IllegalStateException: broken");
  }

  @Test
  void theHelpListsAllCommandsAndASuggestionIsMade() {
    assertThat(run("--help").out())
        .contains(
            "submit",
            "status",
            "logs",
            "ls",
            "cancel",
            "purge",
            "artifacts",
            "whoami",
            "callback-key",
            "top",
            "gpus",
            "retry-upload",
            "serve",
            "token",
            "config",
            "backup",
            "restore");
    assertThat(run("submti").err()).contains("Unmatched argument at index 0: 'submti'");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--help",
        "token --help",
        "token create --help",
        "config check --help",
        "serve --help",
        "submit --help",
        "gpus --help",
        "top --help"
      })
  void help(String line) {
    Outcome outcome = run(line.split(" ", -1));
    assertThat(outcome.status()).isZero();
    assertThat(outcome.out()).startsWith("Usage: gpurunner");
  }

  @Test
  void version() {
    Outcome outcome = run("--version");
    assertThat(outcome.status()).isZero();
    assertThat(outcome.out()).startsWith("gpurunner ");
  }

  @Test
  void aSecretOthersCanReadIsAFailure() throws IOException {
    run("token", "create", "--user", "u", "--config", config.toString());
    Path secret = directory.resolve("state/secrets/jwt.key");
    Files.setPosixFilePermissions(secret, PosixFilePermissions.fromString("rw-r--r--"));
    Outcome outcome = run("token", "create", "--user", "u", "--config", config.toString());
    assertThat(outcome.status()).isEqualTo(1);
    assertThat(outcome.err()).contains("chmod 600 " + secret).hasLineCount(1);
  }

  @Test
  void retryUploadAsksTheAgent() throws IOException {
    List<String> seen = new ArrayList<>();
    HttpServer agent =
        agent(200, "{\"job_id\":\"%s\",\"message\":\"uploading again\"}".formatted(JOB), seen);
    try {
      Outcome outcome = run("retry-upload", JOB, "--config", config.toString());
      assertThat(outcome).isEqualTo(new Outcome(0, "uploading again" + System.lineSeparator(), ""));
    } finally {
      agent.stop(0);
    }
    assertThat(seen.getFirst()).isEqualTo("POST /api/userJob/" + JOB + "/retry-upload");
    JsonNode claims = claims(seen.getLast().substring("Bearer ".length()));
    assertThat(claims.get("role").asText()).isEqualTo("admin");
    assertThat(claims.get("exp").asLong() - claims.get("iat").asLong()).isEqualTo(60);
    assertThat(registry().list()).isEmpty();
  }

  @Test
  void gpusAreListedWithWhatKeepsThemFromJobs() throws IOException {
    HttpServer agent =
        agent(
            200,
            """
            {"source":"NVML 12.535.54, driver 535.54.03, CUDA 12.2","simulated":false,
             "lookMilliseconds":3,"gpus":[
              {"index":0,"uuid":"GPU-a","gpuProd":"NVIDIA-A100","state":"leased","user":"ann",
               "job_id":"ai12345678-1234","suspect":"it is slowed down, because it is too hot",
               "memoryMegabytes":80000,"memoryUsedMegabytes":71000,"utilizationPercent":97,
               "temperatureCelsius":92,"powerMilliwatts":398500,
               "processes":[{"pid":17,"command":"python3","role":"job"},
                            {"pid":18,"command":"miner","role":"intruder"}]},
              {"uuid":"GPU-unidentified-0000:af:00.0","gpuProd":"unidentified-GPU",
               "state":"unfit","busId":"0000:af:00.0","reason":"NVML does not list it",
               "processes":[]}]}
            """,
            new ArrayList<>());
    try {
      assertThat(run("gpus", "--config", config.toString()).out().lines())
          .containsExactly(
              "NVML 12.535.54, driver 535.54.03, CUDA 12.2",
              "GPU  UUID                           TYPE              STATE            JOB OF"
                  + "             MEMORY          USE   TEMP   POWER  PROCESSES",
              "0    GPU-a                          NVIDIA-A100       leased, suspect  ann"
                  + " (ai12345678…)  71000/80000 MB  97 %  92 °C  398 W  17 python3, 18 miner"
                  + " (intruder)",
              "-    GPU-unidentified-0000:af:00.0  unidentified-GPU  unfit            -"
                  + "                  -               -     -      -      -",
              "GPU 0: it is slowed down, because it is too hot",
              "0000:af:00.0: NVML does not list it");
    } finally {
      agent.stop(0);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "gpus quarantine 0 --reason loud, quarantine",
    "gpus release GPU-a --reason quiet, release",
    "gpus release-driver all, driver/release",
    "gpus take, driver/take"
  })
  void gpusAreSteered(String line, String path) throws IOException {
    List<String> seen = new ArrayList<>();
    HttpServer agent = agent(200, "{\"message\":\"done so\"}", seen);
    try {
      List<String> all = new ArrayList<>(List.of(line.split(" ")));
      all.addAll(List.of("--config", config.toString()));
      assertThat(run(all.toArray(String[]::new)))
          .isEqualTo(new Outcome(0, "done so" + System.lineSeparator(), ""));
    } finally {
      agent.stop(0);
    }
    assertThat(seen.getFirst()).isEqualTo("POST /api/gpus/" + path);
    assertThat(claims(seen.getLast().substring("Bearer ".length())).get("role").asText())
        .isEqualTo("admin");
  }

  @Test
  void theAgentsRefusalIsPassedOn() throws IOException {
    HttpServer agent =
        agent(
            409,
            "{\"status\":409,\"timestamp\":1,\"message\":\"there is nothing to upload\"}",
            new ArrayList<>());
    try {
      assertThat(run("retry-upload", JOB, "--config", config.toString()))
          .isEqualTo(
              new Outcome(
                  4,
                  "",
                  "gpurunner: the agent answered 409: there is nothing to upload"
                      + System.lineSeparator()));
    } finally {
      agent.stop(0);
    }
  }

  @Test
  void noAgentAnswers() {
    Outcome outcome = run("retry-upload", JOB, "--config", config.toString());
    assertThat(outcome.status()).isEqualTo(3);
    assertThat(outcome.err())
        .startsWith("gpurunner: no agent answers at http://127.0.0.1:" + port + "; start it with: ")
        .hasLineCount(1);
  }

  private HttpServer agent(int status, String body, List<String> seen) throws IOException {
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), port), 0);
    server.createContext(
        "/",
        exchange -> {
          seen.add(exchange.getRequestMethod() + " " + exchange.getRequestURI());
          seen.add(exchange.getRequestHeaders().getFirst("Authorization"));
          byte[] bytes = body.getBytes(UTF_8);
          exchange.sendResponseHeaders(status, bytes.length);
          exchange.getResponseBody().write(bytes);
          exchange.close();
        });
    server.start();
    return server;
  }

  private TokenRegistry registry() {
    return new TokenRegistry(directory.resolve("state/tokens"));
  }

  private static JsonNode claims(String token) throws IOException {
    JsonNode claims =
        new ObjectMapper().readTree(Base64.getUrlDecoder().decode(token.split("\\.", -1)[1]));
    assertThat(TokenId.parse(claims.get("jti").asText())).isPresent();
    return claims;
  }

  private static Outcome run(String... args) {
    return run(NO_SERVE, args);
  }

  private static Outcome run(ServeAction serve, String... args) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    int status =
        CommandLineInterface.run(
            args, new PrintStream(out, true, UTF_8), new PrintStream(err, true, UTF_8), serve);
    return new Outcome(status, out.toString(UTF_8), err.toString(UTF_8));
  }
}
