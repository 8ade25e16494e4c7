package io.gpurunner.agent.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.cli.CommandRun.Outcome;
import io.gpurunner.agent.cli.client.Surroundings;
import io.gpurunner.agent.cli.terminal.Console;
import io.gpurunner.agent.cli.terminal.Screen;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.Charset;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.util.Arrays;
import java.util.Base64;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Timeout(60)
final class LogsCommandTest {
  private static final String JOB = "aia1905cd8-650a-4cd9-b005-677ec3376db0";
  private static final String LOGS = "GET /api/userJob/" + JOB + "/logs";
  private static final String END = "event: end\ndata: {\"state\":\"SUCCEEDED\"}\n\n";

  private final FakeAgent agent;

  LogsCommandTest() throws IOException {
    agent = new FakeAgent();
  }

  @AfterEach
  void stop() {
    agent.close();
  }

  private static String line(int seq, String text) {
    return "id: 1:%d\nevent: log\ndata: {\"attempt\":1,\"seq\":%d,\"stream\":\"stdout\",\"text\":\"%s\"}\n\n"
        .formatted(seq, seq, text);
  }

  private static String note(String text) {
    return "event: note\ndata: {\"text\":\"" + text + "\"}\n\n";
  }

  @Test
  void outputGoesToStandardOutputAsItIsAndNotesAndGapsDoNot() {
    agent.streams(
        LOGS,
        note("queued: place 3")
            + line(1, "\\u001b[32mgreen\\u001b[0m 用")
            + "id: 1:2\nevent: log\ndata: {\"seq\":2,\"text\":\"50 %\\r\",\"partial\":true}\n\n"
            + "id: 1:3\nevent: gap\ndata: {\"text\":\"8 lines\\u001b were dropped\"}\n\n"
            + ": still here\n\nevent: newer\ndata: {}\n\n"
            + line(4, "")
            + END);

    Outcome outcome = CommandRun.at(agent).run("logs", JOB);

    assertThat(outcome.status()).isZero();
    assertThat(outcome.out()).isEqualTo("\u001b[32mgreen\u001b[0m 用\n50 %\r\n");
    assertThat(outcome.err().lines())
        .containsExactly("-- queued: place 3", "-- 8 lines? were dropped");
    assertThat(agent.lines()).containsExactly(LOGS + "?follow=0");
    assertThat(agent.requests().getFirst().header("Accept")).isEqualTo("text/event-stream");
  }

  /** A piece that ends within a sequence is followed by one that goes on with it. */
  private static final String ACTING =
      "id: 1:1\nevent: log\ndata: {\"text\":\"\\u001b[32mgreen\\u001b[\",\"partial\":true}\n\n"
          + line(2, "2J\\u001b]0;title\\u0007");

  @Test
  void aTerminalGetsColoursAndNothingThatActsOnIt() {
    agent.streams(LOGS, ACTING + END);

    Outcome outcome = CommandRun.at(agent).onTerminal(80).run("logs", JOB);

    assertThat(outcome.out()).isEqualTo("\u001b[32mgreen?]0;title?\n\u001b[0m");
  }

  @Test
  void aPipeGetsEverythingAndATerminalIfAskedFor() {
    agent.streams(LOGS, ACTING + END);
    String all = "\u001b[32mgreen\u001b[2J\u001b]0;title\u0007\n";

    assertThat(CommandRun.at(agent).run("logs", JOB).out()).isEqualTo(all);
    assertThat(CommandRun.at(agent).onTerminal(80).run("logs", "--raw", JOB).out()).isEqualTo(all);
  }

  @Test
  void aFollowerSaysHowTheJobEnded() {
    agent.streams(
        LOGS,
        """
        id: 1:1
        event: log
        data: {"text":"half a line","partial":true}

        event: end
        data: {"state":"FAILED","reason":"exit code 3\\u001b"}

        """);

    Outcome piped = CommandRun.at(agent).run("logs", "-f", JOB);
    Outcome shown = CommandRun.at(agent).onTerminal(80).run("logs", "-f", JOB);

    String end = "-- job %s failed: exit code 3?%n".formatted(JOB);
    assertThat(piped).isEqualTo(new Outcome(0, "half a line", end));
    assertThat(shown.err()).as("in a line of its own").isEqualTo("\n" + end);
  }

  private static String bytes(byte[] printed, boolean partial) {
    return "event: log\ndata: {\"text\":\"?\",\"bytes\":\"%s\",\"partial\":%s}\n\n"
        .formatted(Base64.getEncoder().encodeToString(printed), partial);
  }

  @Test
  void aPipeGetsEachByteThatTheJobPrinted() {
    byte[] all = new byte[256];
    for (int value = 0; value < all.length; value++) {
      all[value] = (byte) value;
    }
    byte[] character = "用".getBytes(UTF_8);
    byte[] gbk = "训练".getBytes(Charset.forName("GBK"));
    agent.streams(
        LOGS,
        bytes(Arrays.copyOf(character, 2), true)
            + bytes(Arrays.copyOfRange(character, 2, 3), false)
            + bytes(gbk, false)
            + bytes(all, true)
            + "event: log\ndata: {\"text\":\"text\",\"bytes\":\"no base64\"}\n\n"
            + END);
    ByteArrayOutputStream out = new ByteArrayOutputStream();

    runInto(out, new ByteArrayOutputStream(), "logs", JOB);

    ByteArrayOutputStream expected = new ByteArrayOutputStream();
    expected.writeBytes("用\n".getBytes(UTF_8));
    expected.writeBytes(gbk);
    expected.write('\n');
    expected.writeBytes(all);
    expected.writeBytes("text\n".getBytes(UTF_8));
    assertThat(out.toByteArray()).isEqualTo(expected.toByteArray());
  }

  @Test
  void aTerminalGetsACharacterThatWasCut() {
    byte[] character = "用".getBytes(UTF_8);
    agent.streams(
        LOGS,
        bytes(Arrays.copyOf(character, 1), true)
            + bytes(Arrays.copyOfRange(character, 1, 3), false)
            + END);

    assertThat(CommandRun.at(agent).onTerminal(80).run("logs", JOB).out()).isEqualTo("用\n");
  }

  @Test
  void theOutputOfOneRunMayEndBeforeTheJob() {
    agent.streams(LOGS, line(1, "one"));

    assertThat(CommandRun.at(agent).run("logs", "-f", "--attempt", "1", JOB))
        .isEqualTo(new Outcome(0, "one\n", ""));
    assertThat(agent.requests()).hasSize(1);
  }

  @Test
  void optionsAreParameters() {
    agent.streams(LOGS, END);

    CommandRun.at(agent)
        .run("logs", "-n", "5", "--since", "10m", "--attempt", "2", "--stream", "stderr", JOB);

    assertThat(agent.lines())
        .containsExactly(LOGS + "?follow=0&attempt=2&stream=stderr&since=10m&tail=5");
  }

  @Test
  void aBrokenConnectionGoesOnAfterTheLastLine() {
    agent
        .streams(LOGS, note("running") + line(1, "one") + line(2, "two"))
        .breaks(LOGS)
        .breaks(LOGS) // HttpURLConnection itself sends a GET again
        .answers(LOGS, 503, "{\"message\":\"draining\"}")
        .streams(LOGS, note("running") + line(3, "three") + END);
    CommandRun command = CommandRun.at(agent);

    Outcome outcome = command.run("logs", "-f", "--tail", "2", "--grep", "a&b +", JOB);

    assertThat(outcome.status()).isZero();
    assertThat(outcome.out()).isEqualTo("one\ntwo\nthree\n");
    assertThat(outcome.err().lines())
        .containsExactly(
            "-- running",
            "-- the connection broke; connecting again",
            "-- running",
            "-- job %s succeeded; see what it has published with: gpurunner artifacts %s"
                .formatted(JOB, JOB));
    assertThat(agent.lines().getFirst()).isEqualTo(LOGS + "?follow=1&grep=a%26b%20%2B&tail=2");
    assertThat(agent.lines().getLast()).isEqualTo(LOGS + "?follow=1&grep=a%26b%20%2B");
    assertThat(agent.requests().getFirst().header("Last-event-id")).isEmpty();
    assertThat(agent.requests().getLast().header("Last-event-id")).isEqualTo("1:2");
    assertThat(command.pauses())
        .containsExactly(Duration.ofSeconds(1), Duration.ofSeconds(2), Duration.ofSeconds(4));
  }

  /** The first connection brings a line, and the second one, after a pause of a second, another. */
  @Test
  void afterALineThatCameItsPlaceCountsAndNoTime() {
    agent.streams(LOGS, line(1, "one")).streams(LOGS, line(2, "two") + END);

    CommandRun.at(agent).run("logs", "-f", "--since", "10m", JOB);

    assertThat(agent.lines()).containsExactly(LOGS + "?follow=1&since=10m", LOGS + "?follow=1");
  }

  /** A pause of a second has passed, and another second is added for the way of the request. */
  @ParameterizedTest
  @CsvSource({
    "--since, 10m, since=10m, since=602s",
    "--since, 0s, since=0s, since=2s",
    "--since, 2h, since=2h, since=7202s",
    "--since, 1d, since=1d, since=86402s",
    "--since, 999999999d, since=999999999d, since=999999999s",
    "--since, 2026-01-31T12:00:00Z, since=2026-01-31T12%3A00%3A00Z, since=2026-01-31T12%3A00%3A00Z",
    "--tail, 0, tail=0, since=2s",
    "--tail, 5, tail=5, since=2s",
  })
  void whatIsPrintedWhileASilentConnectionIsBrokenIsAskedFor(
      String option, String value, String first, String second) {
    agent.streams(LOGS, note("running")).streams(LOGS, line(1, "one") + END);

    Outcome outcome = CommandRun.at(agent).run("logs", "-f", option, value, JOB);

    assertThat(outcome.out()).isEqualTo("one\n");
    assertThat(agent.lines())
        .containsExactly(LOGS + "?follow=1&" + first, LOGS + "?follow=1&" + second);
  }

  /** The agent had no time to send the last lines, so they are asked for again. */
  @ParameterizedTest
  @CsvSource({"5, tail=5", "0, since=2s"})
  void aConnectionThatBreaksAtOnceLosesNoLastLines(String lines, String second) {
    agent.streams(LOGS, "").streams(LOGS, line(1, "one") + END);

    CommandRun.at(agent).run("logs", "-f", "--tail", lines, JOB);

    assertThat(agent.lines())
        .containsExactly(LOGS + "?follow=1&tail=" + lines, LOGS + "?follow=1&" + second);
  }

  @Test
  void pausesGrowToALimitAndAnAgentThatIsAwayForTooLongEndsTheCommand() {
    agent.streams(LOGS, line(1, "one")).answers(LOGS, 503, "{\"message\":\"draining\"}");
    CommandRun command = CommandRun.at(agent);

    Outcome outcome = command.run("logs", "-f", JOB);

    assertThat(outcome.status()).isEqualTo(4);
    assertThat(outcome.err()).contains("the agent answered 503: draining");
    assertThat(command.pauses())
        .contains(Duration.ofSeconds(8))
        .last()
        .isEqualTo(Duration.ofSeconds(10));
    assertThat(command.pauses().stream().reduce(Duration.ZERO, Duration::plus))
        .isBetween(Duration.ofMinutes(10), Duration.ofMinutes(11));
  }

  @Test
  void aJobThatPrintsNothingForHoursIsFollowedAllTheSame() {
    agent.streams(LOGS, line(1, "one"));
    for (int hour = 0; hour < 3; hour++) {
      agent.streams(LOGS, "");
    }
    agent.streams(LOGS, line(2, "two") + END);
    CommandRun command = CommandRun.at(agent);
    Surroundings usual = command.surroundings();
    // Each connection lasts for 5 minutes: the clock goes on whenever it is looked at.
    AtomicReference<Instant> now = new AtomicReference<>(CommandRun.BEGIN);
    InstantSource hours = () -> now.updateAndGet(before -> before.plus(Duration.ofMinutes(5)));

    int status =
        CommandLineInterface.run(
            new String[] {"logs", "-f", JOB},
            new Surroundings(
                usual.console(),
                usual.in(),
                usual.environment(),
                usual.home(),
                hours.withZone(ZoneOffset.UTC),
                _ -> {}),
            _ -> 1);

    assertThat(status).isZero();
    assertThat(agent.requests()).hasSize(5);
  }

  @Test
  void whatIsRefusedAtFirstIsNotTriedAgain() {
    agent.answers(LOGS, 503, "{\"message\":\"draining\"}");

    assertThat(CommandRun.at(agent).run("logs", "-f", JOB).status()).isEqualTo(4);
    assertThat(agent.requests()).hasSize(1);
  }

  @Test
  void aReaderThatIsGoneEndsItQuietly() {
    agent.streams(LOGS, line(1, "one").repeat(10_000));
    ByteArrayOutputStream err = new ByteArrayOutputStream();

    int status = runInto(new ClosedPipe(), err, "logs", "-f", JOB);

    assertThat(status).isEqualTo(1);
    assertThat(err.toString(UTF_8)).isEmpty();
    assertThat(agent.requests()).hasSize(1);
  }

  private int runInto(OutputStream out, OutputStream err, String... args) {
    Surroundings usual = CommandRun.at(agent).surroundings();
    return CommandLineInterface.run(
        args,
        new Surroundings(
            new Console(new PrintStream(out), new PrintStream(err, true, UTF_8), Screen.none()),
            usual.in(),
            usual.environment(),
            usual.home(),
            usual.clock(),
            usual.pause()),
        _ -> 1);
  }

  /** The pipe to a program that has ended. */
  private static final class ClosedPipe extends OutputStream {
    @Override
    public void write(int b) throws IOException {
      throw new IOException("Broken pipe");
    }
  }
}
