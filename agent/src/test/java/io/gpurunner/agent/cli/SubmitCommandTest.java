package io.gpurunner.agent.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.cli.CommandRun.Outcome;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Timeout(60)
final class SubmitCommandTest {
  private static final String JOB = "aia1905cd8-650a-4cd9-b005-677ec3376db0";
  private static final String CREATED = "{\"job_id\":\"" + JOB + "\"}";
  private static final String CREATE = "POST /api/userJob";
  private static final String TYPES = "GET /api/userJob/getGpuType";
  private static final String ONE_TYPE =
      "[{\"gpuProd\":\"NVIDIA-GeForce-RTX-3090\",\"gpuTotal\":4,\"gpuAllocatable\":2}]";
  private static final String SEVERAL_TYPES =
      """
      [{"gpuProd":"NVIDIA-GeForce-RTX-3090","gpuTotal":4,"gpuAllocatable":2},
       {"gpuProd":"NVIDIA-GeForce-RTX-3090-Ti","gpuTotal":1,"gpuAllocatable":0},
       {"gpuProd":"NVIDIA-A100","gpuTotal":8,"gpuAllocatable":8}]
      """;

  private final FakeAgent agent;
  @TempDir private Path directory;

  SubmitCommandTest() throws IOException {
    agent = new FakeAgent();
  }

  @AfterEach
  void stop() {
    agent.close();
  }

  private Outcome submit(String... args) {
    return submit(CommandRun.at(agent), args);
  }

  private static Outcome submit(CommandRun command, String... args) {
    List<String> all = new ArrayList<>(List.of("submit"));
    all.addAll(List.of(args));
    return command.run(all.toArray(String[]::new));
  }

  private String sent() {
    return agent.requests().getLast().body();
  }

  @Test
  void theLeastThatMakesAJob() {
    agent.answers(TYPES, ONE_TYPE).answers(CREATE, CREATED);

    assertThat(submit("--image", "train:1"))
        .isEqualTo(new Outcome(0, JOB + System.lineSeparator(), ""));

    assertThat(sent())
        .isEqualTo(
            "{\"imagePath\":\"train:1\",\"jobType\":\"GeneralJob\",\"ckptPath\":\"/ckpt\","
                + "\"ckptVol\":10000,\"modelPath\":\"/model\",\"modelVol\":10000,\"gpuNumber\":1,"
                + "\"gpuType\":\"NVIDIA-GeForce-RTX-3090\"}");
    assertThat(agent.requests().getLast().header("Idempotency-key")).hasSize(36);
  }

  @Test
  void everyOptionIsAField() {
    agent.answers(CREATE, CREATED);

    Outcome outcome =
        submit(
            CommandRun.at(agent).with("HERE", "a b"),
            ("--gpus 0 --image i --ckpt /c:20GB --model :500mb --time 1h30m -e A=b=c --env HERE"
                    + " --data d --pretrained m:/m --name n --priority -5 --retries 2 --job-type MPI"
                    + " -- python -c @x --gpus 1")
                .split(" ", -1));

    assertThat(outcome.status()).as(outcome.err()).isZero();
    assertThat(sent())
        .isEqualTo(
            "{\"imagePath\":\"i\",\"jobType\":\"MPI\",\"ckptPath\":\"/c\",\"ckptVol\":20000,"
                + "\"modelPath\":\"/model\",\"modelVol\":500,\"stopType\":1,\"stopTime\":90,"
                + "\"datasetName\":\"d\",\"datasetPath\":\"/data\",\"pretrainedModelName\":\"m\","
                + "\"pretrainedModelPath\":\"/m\",\"name\":\"n\",\"priority\":-5,\"retries\":2,"
                + "\"env\":{\"A\":\"b=c\",\"HERE\":\"a b\"},"
                + "\"runCommand\":\"python -c @x --gpus 1\",\"gpuNumber\":0}");
    assertThat(agent.lines()).containsExactly(CREATE);
  }

  @Test
  void wordsStayWords() {
    agent.answers(CREATE, CREATED);

    submit("--gpus", "0", "--image", "i", "--", "sh", "-c", "echo $A && exit", "it's");

    assertThat(sent()).contains("\"runCommand\":\"sh -c 'echo $A && exit' 'it'\\\\''s'\"");
  }

  @ParameterizedTest
  @CsvSource({
    "a100, NVIDIA-A100",
    "3090-ti, NVIDIA-GeForce-RTX-3090-Ti",
    "nvidia geforce rtx 3090, NVIDIA-GeForce-RTX-3090"
  })
  void aPartOfATypeThatOneTypeHasIsEnough(String part, String type) {
    agent.answers(TYPES, SEVERAL_TYPES).answers(CREATE, CREATED);

    assertThat(submit("--image", "i", "--type", part).status()).isZero();

    assertThat(sent()).contains("\"gpuType\":\"" + type + "\"");
  }

  @Test
  void severalTypesAreListed() {
    agent.answers(TYPES, SEVERAL_TYPES);

    Outcome none = submit("--image", "i");

    assertThat(none.status()).isEqualTo(2);
    assertThat(none.err().lines())
        .containsExactly(
            "gpurunner: --type: this machine has several types of GPU; name a part of one:",
            "  NVIDIA-GeForce-RTX-3090  (4, 2 free)",
            "  NVIDIA-GeForce-RTX-3090-Ti  (1, 0 free)",
            "  NVIDIA-A100  (8, 8 free)");
    assertThat(submit("--image", "i", "--type", "3090").err()).contains("part of several types");
    assertThat(submit("--image", "i", "--type", "H100").err()).contains("contains H100");
    agent.answers(TYPES, "[]");
  }

  @Test
  void aMachineWithoutGpus() {
    agent.answers(TYPES, "[]");

    assertThat(submit("--image", "i").err()).contains("--gpus: this machine has no GPUs");
  }

  @Test
  void theAgentsErrorsNameTheOptions() {
    agent.answers(
        CREATE, 400, "{\"message\":\"ckptVol: must be 1 to 5, was 6; env: names must be short\"}");

    assertThat(submit("--gpus", "0", "--image", "i"))
        .isEqualTo(
            new Outcome(
                4,
                "",
                "gpurunner: --ckpt (ckptVol): must be 1 to 5, was 6; --env (env): names must be"
                    + " short"
                    + System.lineSeparator()));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--gpus 0|--image: is missing",
        "--image i --ckpt /c:10|--ckpt: the size was 10",
        "--image i --model /m:1.5GB|--model: the size was 1.5GB",
        "--image i --time 90|--time: was 90",
        "--image i --time 90s|--time: was 90s",
        "--image i --env =x|--env: was =x",
        "--image i --env ABSENT|--env: ABSENT is not set here",
        "--image i --data :/d|--data: was :/d",
        "--image i --gpus x|--gpus",
        "--image i --timeout 2h|--timeout: needs --wait",
        "-f x --image i|--file: holds the whole job",
        "-f x -- true|--file: holds the whole job",
        "-f /no/such/file|--file: /no/such/file cannot be read",
        "--image i --lr 1|Unknown option: '--lr'",
      })
  void wrongUseNamesTheOption(String line, String message) {
    agent.answers(TYPES, ONE_TYPE);

    Outcome outcome = submit(line.split(" ", -1));

    assertThat(outcome.status()).isEqualTo(2);
    assertThat(outcome.out()).isEmpty();
    assertThat(outcome.err()).startsWith("gpurunner: ").contains(message);
  }

  @Test
  void aFileIsSentAsItIs() throws IOException {
    agent.answers(CREATE, CREATED);
    String job = "{\"gpuNumber\": 1e0, \"env\":\"x\"}\n";
    Path file = Files.writeString(directory.resolve("job.json"), job);

    assertThat(submit("-f", file.toString()).out()).isEqualTo(JOB + System.lineSeparator());
    assertThat(sent()).isEqualTo(job);

    assertThat(submit(CommandRun.at(agent).reading(job), "-f", "-", "--json").out())
        .isEqualTo(CREATED + System.lineSeparator());
    assertThat(sent()).isEqualTo(job);
  }

  @Test
  void aFileThatIsLargerThanTheApiTakesIsNotSent() {
    CommandRun command = CommandRun.at(agent).reading(" ".repeat((1 << 20) + 1));

    assertThat(submit(command, "-f", "-").err()).contains("larger than the 1048576 bytes");
    assertThat(agent.requests()).isEmpty();
  }

  @Test
  void onATerminalTheWayToFollowIsTold() {
    agent.answers(CREATE, CREATED);

    Outcome outcome = submit(CommandRun.at(agent).onTerminal(80), "--gpus", "0", "--image", "i");

    assertThat(outcome.out()).isEqualTo(JOB + System.lineSeparator());
    assertThat(outcome.err())
        .isEqualTo("Follow it with: gpurunner logs -f " + JOB + System.lineSeparator());
  }

  @Test
  void aBrokenConnectionCreatesNoSecondJob() {
    agent.breaks(CREATE).breaks(CREATE).answers(CREATE, CREATED);
    CommandRun command = CommandRun.at(agent);

    assertThat(submit(command, "--gpus", "0", "--image", "i").status()).isZero();

    assertThat(agent.requests().stream().map(request -> request.header("Idempotency-key")))
        .hasSize(3)
        .containsOnly(agent.requests().getFirst().header("Idempotency-key"));
    assertThat(command.pauses()).containsExactly(Duration.ofSeconds(1), Duration.ofSeconds(1));
  }

  @Test
  void aConnectionThatKeepsBreakingIsGivenUp() {
    agent.breaks(CREATE);

    Outcome outcome = submit("--gpus", "0", "--image", "i");

    assertThat(outcome.status()).isEqualTo(3);
    assertThat(outcome.err())
        .contains("the connection to " + agent.url() + " broke")
        .contains("it is not known whether the job was created, see: gpurunner ls");
    assertThat(agent.requests()).hasSize(4);
  }

  @Test
  void anAgentThatIsNotThereGotNothing() throws IOException {
    CommandRun command = CommandRun.at(agent);
    agent.close();

    Outcome outcome = submit(command, "--gpus", "0", "--image", "i");

    assertThat(outcome.status()).isEqualTo(3);
    assertThat(outcome.err())
        .contains("no agent answers at " + agent.url() + "; nothing was sent; check GPURUNNER_URL");
    assertThat(command.pauses()).isEmpty();
  }

  /** The kernel takes no more connections than the server's queue has room for. */
  @Test
  void anAgentThatTakesNoConnectionGotNothing() throws IOException {
    InetAddress loopback = InetAddress.ofLiteral("127.0.0.1");
    List<SocketChannel> waiting = new ArrayList<>();
    try (ServerSocket full = new ServerSocket(0, 1, loopback)) {
      for (int connection = 0; connection < 4; connection++) {
        SocketChannel client = SocketChannel.open();
        client.configureBlocking(false);
        client.connect(full.getLocalSocketAddress());
        waiting.add(client);
      }
      CommandRun command =
          CommandRun.at(agent).with("GPURUNNER_URL", "http://127.0.0.1:" + full.getLocalPort());

      Outcome outcome = submit(command, "--gpus", "0", "--image", "i");

      assertThat(outcome.status()).isEqualTo(3);
      assertThat(outcome.err())
          .contains("within 5 s; nothing was sent;")
          .doesNotContain("whether the job was created");
      assertThat(command.pauses()).isEmpty();
    } finally {
      for (SocketChannel client : waiting) {
        client.close();
      }
    }
  }

  @Test
  void aBusyAgentIsAskedAgainWithTheSameKey() {
    agent.isBusy(CREATE, "1").isBusy(CREATE, "1").answers(CREATE, CREATED);
    CommandRun command = CommandRun.at(agent);

    Outcome outcome = submit(command, "--gpus", "0", "--image", "i");

    assertThat(outcome).isEqualTo(new Outcome(0, JOB + System.lineSeparator(), ""));
    assertThat(agent.requests().stream().map(request -> request.header("Idempotency-key")))
        .hasSize(3)
        .containsOnly(agent.requests().getFirst().header("Idempotency-key"));
    assertThat(command.pauses()).containsExactly(Duration.ofSeconds(1), Duration.ofSeconds(1));
  }

  @Test
  void submitWaits() {
    agent
        .answers(CREATE, CREATED)
        .answers(
            "GET /api/userJob/" + JOB,
            "{\"job_id\":\"x\",\"state\":\"FAILED\",\"reason\":\"why\"}");

    assertThat(submit("--gpus", "0", "--image", "i", "--wait"))
        .isEqualTo(
            new Outcome(
                1,
                JOB + System.lineSeparator(),
                "failed: why%nSee its output with: gpurunner logs %s%n".formatted(JOB)));
  }
}
