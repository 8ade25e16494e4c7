package io.gpurunner.agent.cli.top;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class LogPanelTest {
  @Test
  void coloursAndMovesOfTheCursorAreLeftOut() {
    assertThat(seen("\u001b[32mok\u001b[0m \u001b[1;38:5:9mred\u009b0m\u001b[2K\u001b[1A"))
        .isEqualTo("ok red");
    assertThat(seen("\u001b]0;title\u0007[32m")).isEqualTo("?]0;title?[32m");
  }

  @Test
  void anOutputThatCannotBeReadSaysSoAboveIt() {
    Mode.Reading reading = new Mode.Reading("ai1", List.of("one"), 0, Optional.of("no such run"));

    assertThat(LogPanel.lines(reading, 5))
        .extracting(Line::text)
        .containsExactly("output of ai1  cannot be read now: no such run", "one");
  }

  private static String seen(String text) {
    Mode.Reading reading = new Mode.Reading("ai1", List.of(text), 0, Optional.empty());
    return LogPanel.lines(reading, 5).getLast().text();
  }
}
