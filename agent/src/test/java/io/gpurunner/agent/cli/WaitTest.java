package io.gpurunner.agent.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.cli.CommandRun.Outcome;
import java.io.IOException;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Tests {@code status --wait}; {@code submit --wait} waits in the same way. */
@Timeout(60)
final class WaitTest {
  private static final String JOB = "aia1905cd8-650a-4cd9-b005-677ec3376db0";
  private static final String STATUS = "GET /api/userJob/" + JOB;
  private static final String DONE =
      """
      {"job_id":"x","state":"SUCCEEDED","startedAt":"2026-03-01T12:00:00Z",
       "finishedAt":"2026-03-01T12:03:12Z","url":"http://x/data.zip","warnings":["a link"]}
      """;

  private final FakeAgent agent;

  WaitTest() throws IOException {
    agent = new FakeAgent();
  }

  @AfterEach
  void stop() {
    agent.close();
  }

  private static String state(String state, String more) {
    return "{\"job_id\":\"x\",\"state\":\"%s\"%s}".formatted(state, more);
  }

  private FakeAgent aWholeLife() {
    return agent
        .answers(STATUS, state("QUEUED", ",\"queuePosition\":3,\"reason\":\"it waits for 2 GPUs\""))
        .answers(STATUS, state("QUEUED", ",\"queuePosition\":3,\"reason\":\"it waits for 2 GPUs\""))
        .answers(
            STATUS,
            state(
                "QUEUED",
                ",\"queuePosition\":1,\"reason\":\"it waits for 2 GPUs\","
                    + "\"latestStartAt\":\"2026-03-01T12:30:04Z\""))
        .answers(STATUS, state("PULLING", ",\"reason\":\"43 % of 2.1 GB\""))
        .answers(STATUS, state("PULLING", ",\"reason\":\"99 % of 2.1 GB\""))
        .answers(
            STATUS,
            state(
                "RUNNING",
                ",\"startedAt\":\"2026-03-01T12:00:00Z\",\"deadline\":\"2026-03-01T13:00:10Z\","
                    + "\"gpuUse\":[{\"recentPercent\":97},{\"recentPercent\":5},{\"run\":1}]"))
        .answers(STATUS, state("STOPPING", ""))
        .answers(STATUS, state("UPLOADING", ""))
        .answers(STATUS, DONE);
  }

  @Test
  void eachChangeIsALineWhereNoTerminalIs() {
    aWholeLife();
    CommandRun command = CommandRun.at(agent);

    Outcome outcome = command.run("status", JOB, "--wait");

    assertThat(outcome.status()).isZero();
    assertThat(outcome.err().lines())
        .containsExactly(
            "queued, place 3: it waits for 2 GPUs",
            "queued, place 1, starts within 30 m: it waits for 2 GPUs",
            "pulling: 43 % of 2.1 GB",
            "running for 10 s, GPU use 97 %, 5 %, stops in 1 h",
            "stopping",
            "uploading",
            "succeeded after 3 m 12 s: http://x/data.zip",
            "warning: a link");
    assertThat(outcome.out()).startsWith("job        x");
    assertThat(command.pauses()).hasSize(8).containsOnly(Duration.ofSeconds(2));
  }

  @Test
  void oneLivingLineIsOnATerminal() {
    aWholeLife();

    Outcome outcome = CommandRun.at(agent).onTerminal(60).run("status", JOB, "--wait");

    assertThat(outcome.err())
        .startsWith("\r\u001b[Kqueued, place 3: it waits for 2 GPUs\r")
        .contains("\r\u001b[Kpulling: 99 % of 2.1 GB\r")
        .endsWith(
            "\r\u001b[Kuploading\r\r\u001b[Ksucceeded after 3 m 12 s: http://x/data.zip%nwarning: a link%n"
                .formatted());
  }

  @Test
  void whatIsKnownIsNotAskedAgain() {
    agent
        .answers(STATUS, state("RUNNING", ""))
        .answers(STATUS, DONE)
        .answers(STATUS, 404, "{\"message\":\"there is no such job\"}");

    Outcome outcome = CommandRun.at(agent).run("status", JOB, "--wait", "--json");

    assertThat(outcome.status()).isZero();
    assertThat(outcome.out()).contains("\"state\":\"SUCCEEDED\"");
    assertThat(agent.requests()).hasSize(2);
  }

  @Test
  void aDeletedJobIsAFailure() {
    agent.answers(STATUS, state("DELETED", ",\"reason\":\"deleted by bob\""));

    Outcome outcome = CommandRun.at(agent).run("status", JOB, "--wait");

    assertThat(outcome.status()).isEqualTo(1);
    assertThat(outcome.err()).startsWith("deleted: deleted by bob");
  }

  @Test
  void theTimeToWaitEnds() {
    agent.answers(STATUS, state("RUNNING", ""));
    CommandRun command = CommandRun.at(agent);

    Outcome outcome = command.run("status", JOB, "--wait", "--timeout", "1m");

    assertThat(outcome.status()).isEqualTo(5);
    assertThat(outcome.err())
        .endsWith(
            "The time to wait is over, and the job goes on. See it with: gpurunner status --wait %s%n"
                .formatted(JOB));
    assertThat(command.pauses()).hasSize(30);
  }

  @Test
  void theWaitGoesOnWhileTheAgentIsAway() {
    agent
        .answers(STATUS, state("RUNNING", ""))
        .answers(STATUS, state("RUNNING", ""))
        .breaks(STATUS)
        .breaks(STATUS) // HttpURLConnection itself sends a GET again
        .answers(STATUS, 503, "{\"message\":\"draining\"}")
        .answers(STATUS, DONE);

    Outcome outcome = CommandRun.at(agent).run("status", JOB, "--wait");

    assertThat(outcome.status()).isZero();
    assertThat(outcome.err()).contains("no answer for");
  }

  @Test
  void anAgentThatIsAwayForTooLongEndsTheWait() {
    agent.answers(STATUS, state("RUNNING", "")).answers(STATUS, 503, "{\"message\":\"draining\"}");
    CommandRun command = CommandRun.at(agent);

    Outcome outcome = command.run("status", JOB, "--wait");

    assertThat(outcome.status()).isEqualTo(4);
    assertThat(outcome.err()).endsWith("the agent answered 503: draining" + System.lineSeparator());
    assertThat(command.pauses()).hasSize(300);
  }

  @Test
  void aJobThatIsNotThereIsNotWaitedFor() {
    agent.answers(STATUS, 404, "{\"message\":\"there is no such job\"}");

    assertThat(CommandRun.at(agent).run("status", JOB, "--wait").status()).isEqualTo(4);
  }
}
