package io.gpurunner.agent.cli.top;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

final class TerminalTest {
  @Test
  void onlyLinesThatHaveChangedAreWritten() {
    assertThat(Terminal.change(List.of("a", "b", "c"), List.of("a", "x", "c")))
        .isEqualTo("\u001b[2;1H\u001b[Kx");
    assertThat(Terminal.change(List.of("a"), List.of("a"))).isEmpty();
  }

  @Test
  void aFrameOfAnotherSizeIsWrittenAsAWhole() {
    assertThat(Terminal.change(List.of(), List.of("a", "b")))
        .isEqualTo("\u001b[2J\u001b[1;1H\u001b[Ka\u001b[2;1H\u001b[Kb");
  }

  @Test
  void eachModeThatIsSwitchedIsSwitchedBack() {
    List<String> switched = modes(Terminal.ENTER);

    assertThat(switched).contains("?2004h", "?7l");
    assertThat(modes(Terminal.LEAVE))
        .containsExactlyInAnyOrderElementsOf(switched.stream().map(TerminalTest::back).toList());
  }

  private static List<String> modes(String text) {
    return Pattern.compile("\\?\\d+[hl]").matcher(text).results().map(MatchResult::group).toList();
  }

  private static String back(String mode) {
    String number = mode.substring(0, mode.length() - 1);
    return number + (mode.endsWith("h") ? "l" : "h");
  }

  @Test
  void aSizeIsReadAsSttyPrintsIt() {
    assertThat(Terminal.parsed("24 80")).contains(new Size(24, 80));
    assertThat(Terminal.parsed("0 0")).isEmpty();
    assertThat(Terminal.parsed("stty: no terminal")).isEmpty();
  }
}
