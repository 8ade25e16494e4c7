package io.gpurunner.agent.cli.terminal;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import org.junit.jupiter.api.Test;

final class LivingLineTest {
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private LivingLine line(boolean terminal) {
    PrintStream out = new PrintStream(new ByteArrayOutputStream(), true, UTF_8);
    return new LivingLine(
        new Console(
            out, new PrintStream(err, true, UTF_8), new Screen.Fixed(terminal, terminal, 20)));
  }

  @Test
  void onATerminalOneLineIsWrittenAgainAndFitsAndIsRemoved() {
    LivingLine line = line(true);
    line.show("queued, place 3", "a");
    line.show("running\u001b for a very long time", "b");
    line.end();
    line.show("late", "c");
    line.end();

    assertThat(err.toString(UTF_8))
        .isEqualTo("\r\u001b[Kqueued, place 3\r\r\u001b[Krunning? for a ver…\r\r\u001b[K");
  }

  @Test
  void elsewhereEachChangeIsALine() {
    LivingLine line = line(false);
    line.show("pulling 3 %", "pulling");
    line.show("pulling 4 %", "pulling");
    line.show("running", "running");
    line.end();

    assertThat(err.toString(UTF_8).lines()).containsExactly("pulling 3 %", "running");
  }
}
