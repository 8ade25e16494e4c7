package io.gpurunner.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.cli.CommandRun.Outcome;
import io.gpurunner.agent.cli.RealCommands;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The commands of users, from submit to artifact. Real agent, real Docker engine, real S3 server.
 * Each test is a user of its own.
 */
class CommandsIT {
  private static final Duration SOON = Duration.ofMinutes(2);
  private static final String UNKNOWN = "aia1905cd8-650a-4cd9-b005-677ec3376db0";
  private static final String WAIT = "while [ ! -e $CKPT_PATH/go ]; do sleep 0.1; done; ";

  @TempDir static Path directory;

  @SuppressWarnings("NullAway.Init") // started before all tests
  private static AgentUnderTest agent;

  @BeforeAll
  static void start() {
    agent =
        new AgentUnderTest(
            directory.resolve("agent"),
            AgentUnderTest.s3Store(AgentUnderTest.s3Endpoint()),
            AgentUnderTest.simulatedGpus(),
            "boot-1");
    agent.awaitReady();
  }

  @AfterAll
  static void stop() {
    agent.close();
  }

  private static RealCommands commandsOf(String user) {
    return new RealCommands(agent.url(), agent.token(user));
  }

  /** Returns the words of a submit of a shell script. */
  private static String[] submit(String script, String... options) {
    List<String> words = new ArrayList<>(List.of("submit", "--gpus", "1"));
    words.addAll(List.of("--image", TestEnvironment.require("GPURUNNER_TEST_IMAGE")));
    words.addAll(List.of("--ckpt", "/ckpt:100MB", "--model", "/model:100MB"));
    words.addAll(List.of(options));
    words.addAll(List.of("--", "/bin/sh", "-c", script));
    return words.toArray(String[]::new);
  }

  private static String created(Outcome outcome) {
    assertThat(outcome.status()).as(outcome.err()).isZero();
    assertThat(outcome.out()).matches("ai[0-9a-f-]{36}\\R");
    return outcome.out().strip();
  }

  private static void awaitLog(RealCommands user, String id, String text) {
    Awaitility.await().atMost(SOON).until(() -> user.run("logs", id).out().contains(text));
  }

  private static void go(String id) throws IOException {
    Files.createFile(agent.jobDirectory(id).resolve("checkpoint/go"));
  }

  private static String sha256(Path file) throws Exception {
    return HexFormat.of()
        .formatHex(MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file)));
  }

  @Test
  void aJobFromSubmitToArtifact() throws Exception {
    RealCommands ann = commandsOf("ann");
    String script = "echo epoch 1; " + WAIT + "echo $WORD > $MODEL_PATH/model.bin; echo epoch 2";
    String id = created(ann.run(submit(script, "--name", "first", "-e", "WORD=weights")));
    awaitLog(ann, id, "epoch 1");
    String beginning = id.substring(0, 12);

    assertThat(ann.run("ls").out()).contains(id, "first", "running").doesNotContain("\u001b");
    assertThat(ann.run("ls", "-q").out()).isEqualTo(id + System.lineSeparator());
    assertThat(ann.run("status", beginning).out())
        .contains("job        " + id, "state      running", "first")
        .doesNotContain("\u001b");
    assertThat(ann.run("artifacts", id).err()).startsWith("the job has not ended");
    CompletableFuture<Outcome> follower =
        CompletableFuture.supplyAsync(
            () -> ann.run("logs", "-f", beginning),
            // The pool for all has one thread here, and ends of processes are reported by it.
            task -> Thread.ofPlatform().name("follower").daemon().start(task));
    go(id);
    Outcome followed = follower.get(SOON.toSeconds(), TimeUnit.SECONDS);

    assertThat(followed.status()).isZero();
    assertThat(followed.out()).isEqualTo("epoch 1\nepoch 2\n");
    assertThat(followed.err())
        .endsWith(
            "-- job %s succeeded; see what it has published with: gpurunner artifacts %s%n"
                .formatted(id, id));
    assertThat(ann.run("ls", "-q").out()).as("live jobs").isEmpty();
    assertThat(ann.run("ls", "-q", "-a").out()).isEqualTo(id + System.lineSeparator());
    assertThat(ann.run("ls").out()).contains(id, "succeeded");
    fetch(ann, id);
  }

  private static void fetch(RealCommands user, String id) throws Exception {
    Path results = directory.resolve("results");
    Path model = results.resolve("model.bin");
    assertThat(user.run("artifacts", id).out()).contains("model.bin", "8 B", "manifest.json");

    Outcome fetched = user.run("artifacts", "--get", results.toString(), id);

    assertThat(fetched.status()).as(fetched.err()).isZero();
    assertThat(fetched.out().lines())
        .containsExactlyInAnyOrder(model.toString(), results.resolve("manifest.json").toString());
    assertThat(model).hasContent("weights\n");
    String known =
        new JsonObject(user.run("artifacts", id, "--json").out())
            .getJsonObject("manifest")
            .getJsonArray("files")
            .getJsonObject(0)
            .getString("sha256");
    assertThat(sha256(model)).isEqualTo(known);
    Outcome again = user.run("artifacts", "--get", results.toString(), id);
    assertThat(again.status()).as(again.err()).isZero();
    assertThat(again.out()).isEqualTo(fetched.out());
    Files.writeString(model, "changed");
    assertThat(user.run("artifacts", "--get", results.toString(), id).status()).isEqualTo(2);
    assertThat(model).hasContent("changed");
  }

  @Test
  void aWaitEndsAsTheJobDoes() {
    RealCommands bob = commandsOf("bob");

    Outcome success =
        bob.reading(AgentUnderTest.body("true").encode(), "submit", "-f", "-", "--wait");
    assertThat(success.status()).isZero();
    assertThat(success.err()).contains("succeeded after").contains(", without artifacts");

    Outcome failure = bob.run(submit("exit 3", "--wait"));
    assertThat(failure.status()).isEqualTo(1);
    assertThat(failure.err())
        .contains("failed after")
        .contains("See its output with: gpurunner logs " + failure.out().strip());

    Outcome followed = bob.run("logs", "-f", failure.out().strip());
    assertThat(followed.status()).isZero();
    assertThat(followed.err()).startsWith("-- job " + failure.out().strip() + " failed: ");
  }

  @Test
  void aWaitMayBeTooShortAndAJobBeCancelled() {
    RealCommands cid = commandsOf("cid");
    String id = created(cid.run(submit("sleep 600")));

    Outcome late = cid.run("status", "--wait", "--timeout", "1s", id);
    assertThat(late.status()).isEqualTo(5);
    assertThat(late.err())
        .endsWith("See it with: gpurunner status --wait " + id + System.lineSeparator());
    assertThat(commandsOf("dan").run("cancel", id).status()).as("another user").isEqualTo(4);
    assertThat(cid.run("cancel", id).status()).isZero();
    Outcome ended = cid.run("status", "--wait", id);
    assertThat(ended.status()).isEqualTo(1);
    assertThat(ended.err()).contains("deleted");
    assertThat(ended.out()).contains("state      deleted");
  }

  /** A user who presses Ctrl-C leaves the job as it is. */
  @Test
  void ctrlCDetaches() throws Exception {
    Path out = directory.resolve("detached.out");
    Path err = directory.resolve("detached.err");
    Process command = process("eve", out, err, submit("sleep 600", "--wait"));
    awaitText(err, text -> text.contains("running"), command);
    String id = Files.readString(out).strip();

    assertThat(new ProcessBuilder("kill", "-INT", Long.toString(command.pid())).start().waitFor())
        .isZero();

    assertThat(command.waitFor(SOON.toSeconds(), TimeUnit.SECONDS)).isTrue();
    assertThat(command.exitValue()).isEqualTo(130);
    assertThat(Files.readString(err))
        .endsWith(
            "Detached, and the job goes on. See it with: gpurunner status --wait %s%n"
                .formatted(id));
    RealCommands eve = commandsOf("eve");
    assertThat(eve.run("status", id).out()).contains("state      running");
    assertThat(eve.run("cancel", id).status()).isZero();
    assertThat(eve.run("status", "--wait", id).status()).isEqualTo(1);
  }

  private static void awaitText(Path file, Predicate<String> found, Process writer) {
    Awaitility.await()
        .atMost(SOON)
        .until(
            () -> {
              String text = Files.readString(file);
              assertThat(writer.isAlive()).as(text).isTrue();
              return found.test(text);
            });
  }

  /**
   * Starts a command in a process of its own.
   *
   * <p>A process that was started in the background may ignore SIGINT, and its children with it.
   */
  private static Process process(String user, Path out, Path err, String... args) {
    List<String> command =
        new ArrayList<>(
            List.of(
                "env",
                "--default-signal=INT",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                Optional.ofNullable(System.getProperty("surefire.test.class.path"))
                    .orElse(System.getProperty("java.class.path")),
                "io.gpurunner.agent.Main"));
    command.addAll(List.of(args));
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectOutput(out.toFile()).redirectError(err.toFile());
    builder
        .environment()
        .putAll(Map.of("GPURUNNER_URL", agent.url(), "GPURUNNER_TOKEN", agent.token(user)));
    try {
      return builder.start();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void viewsAreForReadersOnATerminalAndForProgramsInAPipe() {
    RealCommands fay = commandsOf("fay");
    String id = created(fay.run(submit("exit 3")));
    assertThat(fay.run("status", "--wait", id).status()).isEqualTo(1);

    assertThat(fay.run("whoami").out()).contains("user   fay", "admin  no", agent.url());
    assertThat(fay.run("gpus").out().lines()).hasSize(6).contains("4 simulated GPUs");
    assertThat(fay.run("status", id).out()).doesNotContain("\u001b");
    assertThat(fay.onTerminal("status", id).out()).contains("\u001b[31mfailed\u001b[0m");
    assertThat(fay.onTerminal("ls").out()).contains("\u001b[31mfailed\u001b[0m");
    for (List<String> view :
        List.of(List.of("ls", "-a"), List.of("status", id), List.of("gpus"), List.of("whoami"))) {
      List<String> words = new ArrayList<>(view);
      words.add("--json");
      String[] args = words.toArray(String[]::new);
      String piped = fay.run(args).out();
      assertThat(fay.onTerminal(args).out()).as(words.toString()).isEqualTo(piped);
      assertThat(piped).matches("(?s)[\\[{].*[\\]}]\\R");
    }
  }

  @Test
  void whatCannotBeDoneHasAnExitStatusOfItsOwn() {
    RealCommands gil = commandsOf("gil");
    assertThat(gil.run("status", UNKNOWN).status()).isEqualTo(4);
    assertThat(gil.run("logs", "-f", UNKNOWN).status()).isEqualTo(4);
    assertThat(gil.run("artifacts", "aia1905").status()).as("a beginning").isEqualTo(4);
    assertThat(gil.run("submit", "--gpus", "two").status()).isEqualTo(2);
    Outcome refused = gil.run(submit("true", "--name", "\u0001"));
    assertThat(refused.status()).isEqualTo(4);
    assertThat(refused.err()).startsWith("gpurunner: --name (name): ");
    assertThat(new RealCommands(agent.url(), "x").run("ls").status()).as("token").isEqualTo(4);

    String away = "http://127.0.0.1:" + TestEnvironment.freePort();
    Outcome unreachable = new RealCommands(away, "x").run(submit("true"));
    assertThat(unreachable.status()).isEqualTo(3);
    assertThat(unreachable.err()).contains("no agent answers at " + away, "GPURUNNER_URL");
  }
}
