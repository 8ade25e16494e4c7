package io.gpurunner.agent.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.cli.CommandRun.Outcome;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests {@code ls}, {@code status}, {@code cancel} and {@code whoami}, and how a job is named. */
@Timeout(60)
final class JobCommandsTest {
  private static final String JOB = "aia1905cd8-650a-4cd9-b005-677ec3376db0";
  private static final String OTHER = "aia2000000-650a-4cd9-b005-677ec3376db0";
  private static final String NOTHING = "{\"content\":[],\"totalElements\":0}";

  private static final String RUNNING =
      """
      {"job_id":"%s","name":"mnist","user":"alice","state":"RUNNING","gpuNumber":2,
       "gpuType":"NVIDIA-GeForce-RTX-3090","gpus":["GPU-a","GPU-b"],"imagePath":"train:1",
       "createdAt":"2026-03-01T11:40:00Z","startedAt":"2026-03-01T11:57:00Z",
       "deadline":"2026-03-01T13:57:00Z"}
      """
          .formatted(JOB);

  private static final String QUEUED =
      """
      {"job_id":"%s","name":"大模型\\u001b[2J","user":"alice","state":"QUEUED","gpuNumber":0,
       "gpuType":"","gpus":[],"createdAt":"2026-03-01T11:59:57Z","queuePosition":3,
       "reason":"it waits for 4 GPUs of type NVIDIA-GeForce-RTX-3090; 2 are free"}
      """
          .formatted(OTHER);

  private final FakeAgent agent;

  JobCommandsTest() throws IOException {
    agent = new FakeAgent();
  }

  @AfterEach
  void stop() {
    agent.close();
  }

  private static String page(long total, String... jobs) {
    return "{\"content\":[%s],\"totalElements\":%d}".formatted(String.join(",", jobs), total);
  }

  private Outcome run(String... args) {
    return CommandRun.at(agent).run(args);
  }

  @Test
  void lsShowsLiveJobsAndCutsNothingInAPipe() {
    agent.answers("GET /api/userJob", page(2, RUNNING, QUEUED));

    Outcome outcome = run("ls");

    assertThat(outcome.status()).isZero();
    assertThat(outcome.err()).isEmpty();
    assertThat(outcome.out().lines())
        .containsExactly(
            "JOB                                     NAME        USER   STATE    GPUS"
                + "                         SINCE    NOTE",
            JOB
                + "  mnist       alice  running  2 × NVIDIA-GeForce-RTX-3090  3 m ago  stops in 1 h"
                + " 57 m",
            OTHER
                + "  大模型?[2J  alice  queued   -                            3 s ago  place 3: it"
                + " waits for 4 GPUs of type NVIDIA-GeForce-RTX-3090; 2 are free");
    assertThat(agent.lines()).containsExactly("GET /api/userJob?current=1&size=20&state=live");
    assertThat(agent.requests().getFirst().header("Authorization")).isEqualTo("Bearer token");
  }

  @Test
  void lsFitsATerminal() {
    agent.answers("GET /api/userJob", page(2, RUNNING, QUEUED));

    assertThat(CommandRun.at(agent).onTerminal(80).with("NO_COLOR", "1").run("ls").out().lines())
        .containsExactly(
            "JOB         NAME        STATE    GPUS        SINCE    NOTE",
            "aia1905cd8  mnist       running  2×RTX-3090  3 m ago  stops in 1 h 57 m",
            "aia2000000  大模型?[2J  queued   -           3 s ago  place 3: it waits for 4 G…");
    assertThat(CommandRun.at(agent).onTerminal(200).run("ls", "--color", "never").out().lines())
        .last()
        .asString()
        .endsWith("place 3: it waits for 4 GPUs of type NVIDIA-GeForce-RTX-3090; 2 are free");
  }

  @Test
  void coloursAreForTerminalsUnlessToldOtherwise() {
    agent.answers("GET /api/userJob", page(1, RUNNING));
    String green = "\u001b[32mrunning\u001b[0m";

    assertThat(CommandRun.at(agent).onTerminal(80).run("ls").out()).contains(green);
    assertThat(run("ls").out()).doesNotContain("\u001b");
    assertThat(run("ls", "--color", "always").out()).contains(green);
    assertThat(CommandRun.at(agent).onTerminal(80).with("TERM", "dumb").run("ls").out())
        .doesNotContain("\u001b");
    assertThat(run("ls", "--color", "blue").status()).isEqualTo(2);
  }

  @Test
  void lsShowsWhatEndedLastIfNothingIsLive() {
    agent
        .answers("GET /api/userJob?current=1&size=5&state=live&user=a%20b", NOTHING)
        .answers("GET /api/userJob?current=1&size=5&state=ended&user=a%20b", page(133, RUNNING));

    Outcome outcome = run("ls", "--limit", "5", "--user", "a b");

    assertThat(outcome.status()).isZero();
    assertThat(outcome.out()).contains(JOB);
    assertThat(outcome.err())
        .isEqualTo("1 of 133 jobs are listed; see more with --limit N" + System.lineSeparator());
  }

  @Test
  void lsOfIdsListsOnlyLiveJobsUnlessAllAreAskedFor() {
    agent
        .answers("GET /api/userJob?current=1&size=20&state=live", NOTHING)
        .answers("GET /api/userJob?current=1&size=20", page(1, RUNNING));

    assertThat(run("ls", "-q")).isEqualTo(new Outcome(0, "", ""));
    assertThat(run("ls", "-q", "-a")).isEqualTo(new Outcome(0, JOB + System.lineSeparator(), ""));
    assertThat(agent.requests()).hasSize(2);
  }

  @Test
  void aBusyAgentIsAskedAgainAndALongWaitIsTold() {
    agent
        .isBusy("GET /api/userJob", "1")
        .isBusy("GET /api/userJob", "2")
        .isBusy("GET /api/userJob", "soon")
        .answers("GET /api/userJob", NOTHING);
    CommandRun command = CommandRun.at(agent);

    Outcome outcome = command.run("ls", "-a");

    assertThat(outcome.status()).isZero();
    assertThat(outcome.err().lines())
        .containsExactly(
            "the agent answered 429: another list is being put together; asking again",
            "There are no jobs.");
    assertThat(command.pauses())
        .containsExactly(Duration.ofSeconds(1), Duration.ofSeconds(2), Duration.ofSeconds(1));
  }

  @Test
  void aShortWaitIsNotTold() {
    agent.isBusy("GET /api/userJob", "1").answers("GET /api/userJob", NOTHING);

    assertThat(run("ls", "-q", "-a")).isEqualTo(new Outcome(0, "", ""));
  }

  @Test
  void anAgentThatSaysWhenItIsReadyIsAskedAgainForWhatChangesNothing() {
    agent
        .isUnavailable("GET /api/userJob", "2")
        .answers("GET /api/userJob", NOTHING)
        .isUnavailable("POST /api/userJob/job_del", "2");
    CommandRun command = CommandRun.at(agent);

    assertThat(command.run("ls", "-q", "-a")).isEqualTo(new Outcome(0, "", ""));
    assertThat(command.pauses()).containsExactly(Duration.ofSeconds(2));
    assertThat(command.run("cancel", JOB).status()).isEqualTo(4);
    assertThat(command.pauses()).hasSize(1);
  }

  @ParameterizedTest
  @ValueSource(ints = {502, 504})
  void aProxyThatLostTheAgentIsNoAgent(int status) {
    agent.answers("GET /api/userJob", status, "<html>Bad Gateway</html>");
    Outcome outcome = run("ls");

    assertThat(outcome.status()).isEqualTo(3);
    assertThat(outcome.err()).contains("the agent answered " + status, "check GPURUNNER_URL");
  }

  @Test
  void anAgentThatStaysBusyIsGivenUp() {
    agent.isBusy("GET /api/userJob", "4");
    CommandRun command = CommandRun.at(agent);

    Outcome outcome = command.run("ls");

    assertThat(outcome.status()).isEqualTo(4);
    assertThat(outcome.err()).endsWith("429: another list is being put together%n".formatted());
    assertThat(command.pauses()).containsExactly(Duration.ofSeconds(4), Duration.ofSeconds(4));
  }

  @Test
  void aLongerWaitThanAUsersIsNotBegun() {
    agent.isBusy("GET /api/userJob", "11");
    CommandRun command = CommandRun.at(agent);

    assertThat(command.run("ls").status()).isEqualTo(4);
    assertThat(command.pauses()).isEmpty();
  }

  @Test
  void lsOfAllAsksOnceAndSaysIfThereAreNone() {
    agent.answers("GET /api/userJob", NOTHING);

    Outcome outcome = run("ls", "-a");

    assertThat(outcome)
        .isEqualTo(new Outcome(0, "", "There are no jobs." + System.lineSeparator()));
    assertThat(agent.lines()).containsExactly("GET /api/userJob?current=1&size=20");
  }

  @Test
  void jsonIsTheAgentsOwnEverywhere() {
    String answer = "{\"content\": [{\"name\":\"\u009b\"}],\"totalElements\":1}";
    agent
        .answers("GET /api/userJob", answer)
        .answers("GET /api/userJob/" + JOB, answer)
        .answers("GET /api/whoami", answer);

    for (List<String> command : List.of(List.of("ls"), List.of("status", JOB), List.of("whoami"))) {
      String[] args = Stream.concat(command.stream(), Stream.of("--json")).toArray(String[]::new);
      String expected = answer.replace("\u009b", "\\u009b") + System.lineSeparator();
      assertThat(run(args).out()).isEqualTo(expected);
      assertThat(CommandRun.at(agent).onTerminal(80).run(args).out()).isEqualTo(expected);
    }
  }

  @Test
  void statusAndLsShowWhenAWaitingJobStartsAtTheLatest() {
    String waiting =
        QUEUED.replace("\"reason\"", "\"latestStartAt\":\"2026-03-01T14:05:00Z\",\"reason\"");
    agent.answers("GET /api/userJob/" + OTHER, waiting);
    agent.answers("GET /api/userJob", page(1, waiting));

    assertThat(run("status", OTHER).out().lines())
        .contains("starts     at the latest about 2026-03-01 22:05:00 (in 2 h 5 m)");
    assertThat(run("ls").out()).contains("place 3, starts within 2 h 5 m: it waits for 4 GPUs");
  }

  @Test
  void statusShowsEverything() {
    agent.answers(
        "GET /api/userJob/" + JOB,
        """
        {"job_id":"%s","name":"mnist","user":"alice","state":"RUNNING","gpuNumber":1,
         "gpuType":"NVIDIA-A100","gpus":["GPU-a"],"imagePath":"train:1","imageDigest":"sha256:12",
         "reason":"because","createdAt":"2026-03-01T11:40:00Z","startedAt":"2026-03-01T11:57:00Z",
         "deadline":"2026-03-01T13:57:00Z","runCommand":"python train.py","ckptPath":"/ckpt",
         "ckptVol":"10000","modelPath":"/model","modelVol":"5","datasetName":"d","datasetPath":"/d",
         "priority":5,"retries":0,"labels":{"team":"vision"},"warnings":["a link was left out"],
         "gpuUse":[{"run":1,"gpu":"GPU-a","heldSeconds":180,"utilizationPercent":87,
           "recentPercent":0,"peakMemoryMegabytes":21000,"slowdowns":["it is hot"]}],
         "events":[{"at":"2026-03-01T11:40:00Z","kind":"queued","message":"created\\nby alice"}]}
        """
            .formatted(JOB));

    assertThat(run("status", JOB).out().lines())
        .containsExactly(
            "job        " + JOB,
            "name       mnist",
            "user       alice",
            "state      running",
            "reason     because",
            "labels     team=vision",
            "gpus       1 × NVIDIA-A100: GPU-a",
            "image      train:1",
            "digest     sha256:12",
            "command    python train.py",
            "ckpt       /ckpt, 10000 MB",
            "model      /model, 5 MB",
            "data       d at /d",
            "priority   5",
            "created    2026-03-01 19:40:00 (20 m ago)",
            "started    2026-03-01 19:57:00 (3 m ago)",
            "stops      2026-03-01 21:57:00 (in 1 h 57 m)",
            "warning    a link was left out",
            "",
            "use of GPUs",
            "RUN  GPU    HELD  IN USE  LAST MINUTE  MOST MEMORY  ENERGY  SLOW",
            "1    GPU-a  3 m   87 %    0 %          21000 MB     -       it is hot",
            "",
            "history",
            "TIME                 EVENT   WHAT",
            "2026-03-01 19:40:00  queued  created by alice");
  }

  @Test
  void statusOfAWaitingJobHasItsPlace() {
    agent.answers("GET /api/userJob/" + OTHER, QUEUED);

    assertThat(CommandRun.at(agent).onTerminal(80).run("status", OTHER).out())
        .contains("state      \u001b[33mqueued\u001b[0m, place 3 in the queue")
        .contains("name       大模型?[2J");
  }

  @Test
  void aBeginningThatOneJobHasNamesIt() {
    agent
        .answers("GET /api/userJob?current=1&size=10&id=aia1", page(1, RUNNING))
        .answers("GET /api/userJob/" + JOB, RUNNING);

    assertThat(run("status", "aia1").out()).startsWith("job        " + JOB);
  }

  @Test
  void aBeginningThatSeveralJobsHaveListsThem() {
    agent.answers("GET /api/userJob?current=1&size=10&id=aia", page(20, RUNNING, QUEUED));

    Outcome outcome = run("status", "aia");

    assertThat(outcome.status()).isEqualTo(2);
    assertThat(outcome.err().lines())
        .containsExactly(
            "gpurunner: JOB: the ids of several jobs begin with aia; name one of them:",
            "  " + JOB + "  running  mnist",
            "  " + OTHER + "  queued  大模型?[2J",
            "  and others");
  }

  @Test
  void aBeginningThatNoJobHasIsRefused() {
    agent.answers("GET /api/userJob", NOTHING);

    Outcome outcome = run("logs", "ai99");

    assertThat(outcome.status()).isEqualTo(4);
    assertThat(outcome.err())
        .isEqualTo(
            "gpurunner: no job of yours has an id that begins with ai99; see: gpurunner ls -a"
                + System.lineSeparator());
  }

  @ParameterizedTest
  @ValueSource(strings = {"../x", "AI1", "", "ai1905cd8-650a-4cd9-b005-677ec3376db0xxxxxxxx"})
  void whatIsNoBeginningIsAWrongUse(String name) {
    assertThat(run("status", name).status()).isEqualTo(2);
    assertThat(agent.requests()).isEmpty();
  }

  @Test
  void cancelEndsEachJob() {
    agent
        .answers("GET /api/userJob", page(1, QUEUED))
        .answers("POST /api/userJob/job_del", "{\"message\":\"the job will end\"}");

    Outcome outcome = run("cancel", JOB, "aia2");

    assertThat(outcome.status()).isZero();
    assertThat(outcome.out().lines())
        .containsExactly(JOB + ": the job will end", OTHER + ": the job will end");
    assertThat(agent.requests().getLast().body()).isEqualTo("{\"job_id\":\"" + OTHER + "\"}");
  }

  @Test
  void purgeRemovesTheFilesOfEachJobAndGoesOnAfterARefusal() {
    agent
        .answers("POST /api/userJob/job_del", 409, "{\"message\":\"it has not ended\"}")
        .answers("POST /api/userJob/job_del", "{\"message\":\"its files are being removed\"}");

    Outcome outcome = run("purge", JOB, OTHER);

    assertThat(outcome.status()).isEqualTo(4);
    assertThat(outcome.out().lines()).containsExactly(OTHER + ": its files are being removed");
    assertThat(outcome.err()).contains(JOB + ": the agent answered 409: it has not ended");
    assertThat(agent.requests().getLast().body())
        .isEqualTo("{\"job_id\":\"" + OTHER + "\",\"purge\":true}");
  }

  @Test
  void cancelGoesOnAfterARefusal() {
    agent
        .answers("POST /api/userJob/job_del", 404, "{\"message\":\"there is no such job\"}")
        .answers("POST /api/userJob/job_del", "{\"message\":\"the job will end\"}");

    Outcome outcome = run("cancel", JOB, OTHER);

    assertThat(outcome.status()).isEqualTo(4);
    assertThat(outcome.out().lines()).containsExactly(OTHER + ": the job will end");
    assertThat(outcome.err()).contains(JOB + ": the agent answered 404: there is no such job");
  }

  @Test
  void gpusFitATerminal() {
    agent.answers(
        "GET /api/gpus",
        """
        {"source":"NVML 12.535.54","gpus":[
          {"index":0,"uuid":"GPU-a","gpuProd":"NVIDIA-GeForce-RTX-3090","state":"leased",
           "user":"ann","job_id":"ai12345678-1234","memoryMegabytes":24576,
           "memoryUsedMegabytes":21400,"utilizationPercent":97,"temperatureCelsius":92,
           "powerMilliwatts":398500,"processes":[{"pid":17,"command":"python3","role":"job"},
                                                 {"pid":18,"command":"miner","role":"intruder"}]},
          {"index":1,"uuid":"GPU-b","gpuProd":"NVIDIA-GeForce-RTX-3090","state":"free",
           "memoryMegabytes":24576,"processes":[]}]}
        """);

    assertThat(CommandRun.at(agent).onTerminal(80).run("gpus").out().lines())
        .containsExactly(
            "NVML 12.535.54",
            "GPU  TYPE      STATE   JOB OF  MEMORY    USE   TEMP   POWER  PROCESSES",
            "0    RTX-3090  \u001b[36mleased\u001b[0m  ann     21/24 GB  97 %  92 °C  398 W  17"
                + " python3, 18 min…",
            "1    RTX-3090  \u001b[32mfree\u001b[0m    -       ?/24 GB   -     -      -      -");
    assertThat(run("gpus").out()).contains("GPU-a", "ann (ai12345678…)", "21400/24576 MB");
    assertThat(run("gpus", "--json").out()).startsWith("{\"source\":");
  }

  @Test
  void whoamiSaysWhatTheUserHasOnTheDisk() {
    agent.answers(
        "GET /api/whoami",
        "{\"user\":\"alice\",\"admin\":false,\"disk\":{\"reservedBytes\":1000000,"
            + "\"keptBytes\":2500000000,\"limitBytes\":10000000000}}");

    assertThat(run("whoami").out().lines())
        .contains(
            "disk   2.5 GB of 10.0 GB, 2.5 GB of them kept of ended jobs (gpurunner purge JOB)");
  }

  @Test
  void whoamiSaysWhereTheUrlAndTheTokenCameFrom() {
    agent.answers("GET /api/whoami", "{\"user\":\"alice\",\"admin\":false}");

    assertThat(run("whoami").out().lines())
        .containsExactly(
            "user   alice",
            "admin  no",
            "agent  " + agent.url() + " (GPURUNNER_URL)",
            "token  GPURUNNER_TOKEN");
  }

  @Test
  void callbackKeyPrintsTheKeyAndNothingElse() {
    agent.answers("GET /api/callback-key", "{\"user\":\"alice\",\"key\":\"abc123\"}");

    assertThat(run("callback-key"))
        .isEqualTo(new Outcome(0, "abc123" + System.lineSeparator(), ""));
    assertThat(run("callback-key", "--json").out()).contains("\"user\"", "\"abc123\"");
  }

  @Test
  void aRefusedTokenIsNamed() {
    agent.answers("GET /api/whoami", 401, "{\"message\":\"the token is revoked\"}");

    assertThat(run("whoami"))
        .isEqualTo(
            new Outcome(
                4,
                "",
                "gpurunner: the agent answered 401: the token is revoked (the token came from"
                    + " GPURUNNER_TOKEN)"
                    + System.lineSeparator()));
  }

  @Test
  void noAgentAnswers() {
    String url = agent.url();
    CommandRun command = CommandRun.at(agent);
    agent.close();

    assertThat(command.run("ls"))
        .isEqualTo(
            new Outcome(
                3,
                "",
                "gpurunner: no agent answers at %s; check GPURUNNER_URL, and the network%n"
                    .formatted(url)));
  }

  @ParameterizedTest
  @CsvSource({
    "ls --limit 0",
    "ls --limit 1001",
    "status",
    "cancel",
    "purge",
    "artifacts",
    "artifacts aia1 --get x --json",
    "logs aia1 --stream out",
    "logs aia1 --tail -1",
    "logs aia1 --attempt 0",
    "status aia1 --timeout 2h",
    "status aia1 --wait --timeout 2",
    "whoami --context lab --config x"
  })
  void wrongUse(String line) {
    Outcome outcome = run(line.split(" ", -1));

    assertThat(outcome.status()).isEqualTo(2);
    assertThat(outcome.out()).isEmpty();
    assertThat(outcome.err()).startsWith("gpurunner: ").doesNotContain("\tat ");
    assertThat(agent.requests()).isEmpty();
  }

  @Test
  void anAnswerThatIsTooLargeIsRefused() {
    agent.answers("GET /api/userJob", "[" + " ".repeat(16 << 20) + "]");

    assertThat(run("ls").err()).contains("larger than 16 MiB").contains("--limit");
  }
}
