package io.gpurunner.agent.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

final class TopCommandTest {
  private static final String GPUS =
      """
      {"source":"simulated","gpus":[{"index":0,"uuid":"GPU-0","gpuProd":"NVIDIA-H200",
       "state":"free","memoryMegabytes":150754}]}
      """;

  private static final String JOBS =
      """
      {"totalElements":1,"content":[{"job_id":"ai11111111-1111","user":"ann","state":"QUEUED",
       "gpuNumber":1,"gpuType":"NVIDIA-H200","createdAt":"2026-03-01T11:58:00Z",
       "queuePosition":1,"reason":"waits %sto the end"}]}
      """
          .formatted("and waits ".repeat(40));

  private final FakeAgent agent;

  TopCommandTest() throws IOException {
    agent = new FakeAgent().answers("GET /api/gpus", GPUS).answers("GET /api/userJob", JOBS);
  }

  @AfterEach
  void close() {
    agent.close();
  }

  @Test
  void withoutATerminalOnePictureIsPrintedAndNothingIsCut() {
    CommandRun.Outcome outcome = CommandRun.at(agent).run("top");

    assertThat(outcome.status()).isZero();
    assertThat(outcome.err()).isEmpty();
    assertThat(outcome.out())
        .contains("1 GPU: 1 free   1 job by queue: 1 queued", "H200", "ai11111111", "to the end")
        .doesNotContain("\u001b", "…", "q quit");
  }

  @Test
  void onceFitsTheTerminal() {
    CommandRun.Outcome outcome = CommandRun.at(agent).onTerminal(60).run("top", "--once");

    assertThat(outcome.status()).isZero();
    assertThat(outcome.out().lines()).anyMatch(line -> line.endsWith("…"));
    assertThat(outcome.out()).contains("\u001b[32mfree\u001b[0m");
  }

  @Test
  void coloursAreAsAskedFor() {
    assertThat(CommandRun.at(agent).run("top", "--color=always").out()).contains("\u001b[33m");
    assertThat(CommandRun.at(agent).onTerminal(80).run("top", "--once", "--color=never").out())
        .doesNotContain("\u001b");
    assertThat(CommandRun.at(agent).onTerminal(80).with("NO_COLOR", "1").run("top", "--once").out())
        .doesNotContain("\u001b");
  }

  @Test
  void onePictureOfAnAgentThatIsNotThereFails() {
    agent.close();
    CommandRun.Outcome outcome = CommandRun.at(agent).run("top");

    assertThat(outcome.status()).isEqualTo(3);
    assertThat(outcome.err()).contains("no agent answers at " + agent.url());
  }
}
