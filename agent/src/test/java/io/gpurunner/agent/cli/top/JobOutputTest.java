package io.gpurunner.agent.cli.top;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.cli.CommandRun;
import io.gpurunner.agent.cli.FakeAgent;
import io.gpurunner.agent.cli.client.AgentOption;
import io.gpurunner.agent.cli.client.ApiClient;
import java.io.IOException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

final class JobOutputTest {
  private static final String LOGS = "GET /api/userJob/ai1/logs";

  private final FakeAgent agent;
  private final ApiClient client;
  private final JobOutput output = new JobOutput("ai1");

  JobOutputTest() throws IOException {
    agent = new FakeAgent();
    client = new AgentOption().connect(CommandRun.at(agent).surroundings());
  }

  @AfterEach
  void close() {
    agent.close();
  }

  private static String piece(int seq, String text, boolean partial) {
    return "id: 1:%d\nevent: log\ndata: {\"text\":\"%s\",\"partial\":%s}\n\n"
        .formatted(seq, text, partial);
  }

  @Test
  void onlyTheNewestLinesAreKept() throws IOException {
    StringBuilder many = new StringBuilder();
    for (int seq = 0; seq < JobOutput.MOST_LINES + 3; seq++) {
      many.append(piece(seq, "line " + seq, false));
    }
    agent.streams(LOGS, many.toString());
    output.look(client);

    assertThat(output.lines())
        .hasSize(JobOutput.MOST_LINES)
        .startsWith("line 3")
        .endsWith("line 502");
  }

  /** A progress bar that writes for hours is one line of many megabytes. */
  @Test
  void ofAProgressBarOnlyItsLastStateIsKeptAndALookReadsALimitedPart() throws IOException {
    String state = "x".repeat((1 << 20) - 2) + "\\r";
    agent
        .streams(
            LOGS,
            piece(1, state, true)
                + piece(2, state, true)
                + piece(3, state, true)
                + piece(4, state, true)
                + piece(5, "never read", true))
        .streams(LOGS, piece(5, " 99 %\\r", true));
    output.look(client);

    assertThat(output.isBehind()).isTrue();
    assertThat(output.lines()).containsExactly("x".repeat(JobOutput.MOST_LINE_CHARACTERS));

    output.look(client);
    assertThat(output.isBehind()).isFalse();
    assertThat(output.lines()).containsExactly(" 99 %");
    assertThat(agent.requests().getLast().header("Last-event-id")).isEqualTo("1:4");
  }

  @Test
  void whatCameBeforeABreakStays() throws IOException {
    agent
        .streams(LOGS, piece(1, "one", false) + "id: 1:2\nevent: log\n")
        .streams(LOGS, piece(2, "two", false));
    output.look(client);
    output.look(client);

    assertThat(output.lines()).containsExactly("one", "two");
    assertThat(agent.requests().getLast().header("Last-event-id")).isEqualTo("1:1");
  }
}
