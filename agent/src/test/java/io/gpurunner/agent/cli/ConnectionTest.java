package io.gpurunner.agent.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.cli.CommandRun.Outcome;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tests which agent a command asks, and with which token. */
@Timeout(60)
final class ConnectionTest {
  private final FakeAgent agent;
  @TempDir private Path home;

  ConnectionTest() throws IOException {
    agent = new FakeAgent().answers("GET /api/whoami", "{\"user\":\"alice\",\"admin\":true}");
  }

  @AfterEach
  void stop() {
    agent.close();
  }

  private Path contexts(String yaml) throws IOException {
    Path file = home.resolve(".config/gpurunner/config.yaml");
    Files.createDirectories(home.resolve(".config/gpurunner"));
    return Files.writeString(file, yaml);
  }

  private static void token(Path file, String mode) throws IOException {
    Files.writeString(file, "of-the-file\n");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(mode));
  }

  private Path lab() throws IOException {
    Path file =
        contexts(
            "current: lab\ncontexts:\n  lab: {url: '%s/', token-file: lab.token}\n"
                .formatted(agent.url()));
    token(home.resolve(".config/gpurunner/lab.token"), "rw-------");
    return file;
  }

  private Path machine() throws IOException {
    return Files.writeString(
        home.resolve("gpurunner.yaml"),
        "state-dir: %s\nhttp: {host: 0.0.0.0, port: %s}\n"
            .formatted(home.resolve("state"), agent.url().replaceAll(".*:", "")));
  }

  private String authorization() {
    return agent.requests().getLast().header("Authorization");
  }

  @Test
  void theCurrentContext() throws IOException {
    Path file = lab();

    Outcome outcome = new CommandRun(home).run("whoami");

    assertThat(outcome.out().lines())
        .containsExactly(
            "user   alice",
            "admin  yes",
            "agent  " + agent.url() + " (context lab of " + file + ")",
            "token  " + home.resolve(".config/gpurunner/lab.token"));
    assertThat(authorization()).isEqualTo("Bearer of-the-file");
  }

  @Test
  void theDirectoryOfConfigurationsMayBeAnother() throws IOException {
    lab();
    Path other = Files.createDirectories(home.resolve("other"));
    Files.move(home.resolve(".config/gpurunner"), other.resolve("gpurunner"));

    assertThat(
            new CommandRun(home).with("XDG_CONFIG_HOME", other.toString()).run("whoami").status())
        .isZero();
  }

  @Test
  void theEnvironmentComesBeforeTheCurrentContext() throws IOException {
    lab();

    Outcome outcome =
        new CommandRun(home)
            .with("GPURUNNER_URL", agent.url())
            .with("GPURUNNER_TOKEN", "of-the-environment")
            .run("whoami");

    assertThat(outcome.out()).contains("(GPURUNNER_URL)");
    assertThat(authorization()).isEqualTo("Bearer of-the-environment");
  }

  @Test
  void aNamedContextComesBeforeTheEnvironment() throws IOException {
    lab();

    Outcome outcome =
        new CommandRun(home)
            .with("GPURUNNER_URL", "http://127.0.0.1:9")
            .with("GPURUNNER_TOKEN", "of-the-environment")
            .run("whoami", "--context", "lab");

    assertThat(outcome.status()).isZero();
    assertThat(authorization()).isEqualTo("Bearer of-the-file");
  }

  @Test
  void aUserWhoMayReadTheAgentsSecretIsAnAdmin() throws IOException {
    Outcome outcome = new CommandRun(home).run("whoami", "--config", machine().toString());

    assertThat(outcome.out())
        .contains(agent.url() + " (this machine, " + home.resolve("gpurunner.yaml") + ")")
        .contains("token  issued with " + home.resolve("state/secrets/jwt.key"));
    String claims =
        new String(
            Base64.getUrlDecoder().decode(authorization().split("\\.", -1)[1]),
            StandardCharsets.UTF_8);
    assertThat(claims)
        .contains("\"user\":\"" + System.getProperty("user.name") + "\"")
        .contains("\"role\":\"admin\"")
        .contains("\"iat\":1772366400,")
        .contains("\"exp\":1772366460");
  }

  @Test
  void aUserWhoMayNotIsToldWhatToDo() throws IOException {
    Path config = machine();
    Path secret = home.resolve("state/secrets/jwt.key");
    new CommandRun(home).run("whoami", "--config", config.toString());
    Files.setPosixFilePermissions(secret, PosixFilePermissions.fromString("rw-r-----"));

    Outcome outcome = new CommandRun(home).run("whoami", "--config", config.toString());

    assertThat(outcome.status()).isEqualTo(4);
    assertThat(outcome.err())
        .contains(secret.toString())
        .contains("set GPURUNNER_TOKEN")
        .contains(home.resolve(".config/gpurunner/config.yaml").toString());
  }

  @Test
  void aWrongConfigurationIsAWrongUse() throws IOException {
    Path config =
        Files.writeString(home.resolve("x.yaml"), "http: {prot: 1}\njobs: {retention: soon}\n");

    Outcome outcome = new CommandRun(home).run("ls", "--config", config.toString());

    assertThat(outcome.status()).isEqualTo(2);
    assertThat(outcome.err().lines())
        .hasSize(2)
        .first()
        .isEqualTo("gpurunner: " + config + ":1: http.prot: unknown key; did you mean http.port?");
  }

  @ParameterizedTest
  @CsvSource({"rw-r-----", "rw----r--", "rw--w----"})
  void aTokenFileThatOthersCanReadIsRefused(String mode) throws IOException {
    lab();
    Path file = home.resolve(".config/gpurunner/lab.token");
    token(file, mode);

    Outcome outcome = new CommandRun(home).run("whoami");

    assertThat(outcome.status()).isEqualTo(2);
    assertThat(outcome.err()).contains("others can read it; run: chmod 600 " + file);
    assertThat(agent.requests()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "current: lab|there is no context lab",
        "current: lab, contexts: {lab: {url: 'http://x'}}|contexts.lab.token-file is missing",
        "current: lab, contexts: {lab: {token-file: x}}|contexts.lab.url is missing",
        "current: lab, contexts: {lab: {url: 'ftp://x', token-file: x}}|not a URL of an agent:"
            + " ftp://x",
        "current: lab, contexts: {lab: {url: 'http://x y', token-file: x}}|not a URL of an agent",
        "current: lab, contexts: {lab: {url: 1, token-file: x}}|contexts.lab.url: must be text",
        "current: lab, contexts: {lab: {ulr: x}}|contexts.lab.ulr: unknown key; accepted: url,"
            + " token-file",
        "current: lab, contexts: {lab: x}|contexts.lab: must hold keys and values",
        "current: lab, contexts: {home: {}}|there is no context lab; accepted: home",
        "curent: lab|curent: unknown key; accepted: current, contexts",
        "current: lab, contexts: {lab: {url: 'https://bob:secret@x', token-file: x}}|the URL holds"
            + " a user or a password",
        "current: lab, contexts: {lab: {url: 'ftp://x?token=secret', token-file: x}}|not a URL of"
            + " an agent: ftp://x?…;",
        "url: 'http://bob:secret@x', b: [|not valid YAML",
      })
  void aWrongFileOfContexts(String yaml, String message) throws IOException {
    Path file = contexts("{" + yaml + "}");

    Outcome outcome = new CommandRun(home).run("whoami");

    assertThat(outcome.status()).isEqualTo(2);
    assertThat(outcome.err())
        .startsWith("gpurunner: ")
        .contains(file.toString())
        .contains(message)
        .doesNotContain("secret");
  }

  @Test
  void aFileOfContextsThatIsTooLargeIsRefused() throws IOException {
    contexts("#".repeat((64 << 10) + 1));

    assertThat(new CommandRun(home).run("whoami").err()).contains("larger than the 65536 bytes");
  }

  @Test
  void aContextWithoutAFile() {
    Outcome outcome = new CommandRun(home).run("whoami", "--context", "lab");

    assertThat(outcome.status()).isEqualTo(2);
    assertThat(outcome.err()).contains("--context: there is no file " + home);
  }

  @ParameterizedTest
  @CsvSource({
    "https://bob:secret@gpu.example",
    "https://secret@gpu.example",
    "https://bob:sec/secret@gpu.example",
    "bob:secret@gpu.example",
    "https://bob:100%secret@gpu.example"
  })
  void aPasswordInAUrlIsRefusedAndNeverPrinted(String url) {
    Outcome outcome =
        new CommandRun(home).with("GPURUNNER_URL", url).with("GPURUNNER_TOKEN", "x").run("whoami");

    assertThat(outcome.status()).isEqualTo(2);
    assertThat(outcome.err())
        .startsWith("gpurunner: GPURUNNER_URL: the URL holds a user or a password")
        .contains("with a token in GPURUNNER_TOKEN")
        .doesNotContain("secret", "bob");
  }

  @Test
  void aUrlWithoutAToken() {
    Outcome outcome = new CommandRun(home).with("GPURUNNER_URL", agent.url()).run("whoami");

    assertThat(outcome.status()).isEqualTo(2);
    assertThat(outcome.err()).contains("GPURUNNER_TOKEN is not");
  }

  /** The certificate names another host than the loopback address of this machine. */
  @Test
  void theMachinesOwnCertificateIsTrustedOnTheMachineOnlyAndAnAuthoritysByItsContext()
      throws Exception {
    Path store = home.resolve("keys.p12");
    Certificates made = Certificates.make(store, "gpu.example.org");
    try (SecureAgent secure = new SecureAgent(made)) {
      Path config =
          Files.writeString(
              home.resolve("gpurunner.yaml"),
              "state-dir: %s\nhttp: { port: %d, tls: { certificate: %s, key: %s } }\n"
                  .formatted(home.resolve("state"), secure.port(), made.pem(), made.pem()));
      assertThat(new CommandRun(home).run("whoami", "--config", config.toString()).out())
          .contains("user   bob");

      String url = "https://127.0.0.1:" + secure.port();
      Outcome unknown =
          new CommandRun(home)
              .with("GPURUNNER_URL", url)
              .with("GPURUNNER_TOKEN", "x")
              .run("whoami");
      assertThat(unknown.status()).isEqualTo(3);
      assertThat(unknown.err()).startsWith("gpurunner: no safe connection to " + url);

      contexts(
          "current: lab\ncontexts: { lab: { url: '%s', token-file: lab.token, ca-file: %s } }\n"
              .formatted(url, made.pem()));
      token(home.resolve(".config/gpurunner/lab.token"), "rw-------");
      assertThat(new CommandRun(home).run("whoami").err())
          .as("a context checks the name of the host")
          .contains("no safe connection");
    }
  }

  @Test
  void aCertificateOfAnAuthorityThatIsNamedIsTrusted() throws Exception {
    Certificates made = Certificates.make(home.resolve("keys.p12"), "127.0.0.1");
    try (SecureAgent secure = new SecureAgent(made)) {
      contexts(
          "current: lab\ncontexts: { lab: { url: 'https://127.0.0.1:%d', token-file: lab.token, ca-file: %s } }\n"
              .formatted(secure.port(), made.pem()));
      token(home.resolve(".config/gpurunner/lab.token"), "rw-------");
      assertThat(new CommandRun(home).run("whoami").out()).contains("user   bob");
    }
  }

  @Test
  void aHostThatIsNotThereIsNamed() {
    Outcome outcome =
        new CommandRun(home)
            .with("GPURUNNER_URL", "http://nowhere.invalid:8080")
            .with("GPURUNNER_TOKEN", "x")
            .run("ls");

    assertThat(outcome.status()).isEqualTo(3);
    assertThat(outcome.err())
        .contains("nothing answers at http://nowhere.invalid:8080, because no host has this name");
  }

  /** A command takes as long as the libraries that it loads. */
  @Test
  void aCommandLoadsNeitherVertxNorLogback() throws Exception {
    String classPath =
        Optional.ofNullable(System.getProperty("surefire.test.class.path"))
            .orElse(System.getProperty("java.class.path"));
    for (List<String> command :
        List.of(List.of("whoami"), List.of("whoami", "--config", machine().toString()))) {
      ProcessBuilder java =
          new ProcessBuilder(
                  Stream.concat(
                          Stream.of(
                              Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                              "-Xlog:class+load",
                              "-cp",
                              classPath,
                              "io.gpurunner.agent.Main"),
                          command.stream())
                      .toList())
              .redirectErrorStream(true);
      java.environment().putAll(Map.of("GPURUNNER_URL", agent.url(), "GPURUNNER_TOKEN", "x"));
      Process process = java.start();
      String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

      assertThat(process.waitFor()).as(output).isZero();
      assertThat(output)
          .contains("user   alice")
          .contains("io.gpurunner.agent.cli.client.ApiClient")
          .doesNotContain("io.vertx.core", "ch.qos.logback", "io.netty", "ObjectMapper ");
    }
  }
}
