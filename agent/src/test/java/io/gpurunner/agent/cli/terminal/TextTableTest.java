package io.gpurunner.agent.cli.terminal;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class TextTableTest {
  private static final String NAME = "a-rather-long-name-of-a-job";
  private static final String NOTE =
      "it waits for 4 GPUs of type NVIDIA-GeForce-RTX-3090; 2 are free";

  private static TextTable table() {
    TextTable table = new TextTable("JOB", "NAME", "STATE", "NOTE");
    table.row("ai12345678", NAME, "queued", NOTE);
    table.row("ai87654321", "-", "running", "");
    return table;
  }

  @Test
  void whereNothingIsCutEachColumnIsAsWideAsItsWidestCell() {
    assertThat(table().toString().lines())
        .containsExactly(
            "JOB         NAME                         STATE    NOTE",
            "ai12345678  " + NAME + "  queued   " + NOTE,
            "ai87654321  -                            running");
  }

  @Test
  void onAWideTerminalNothingIsCut() {
    assertThat(table().text(Optional.of(200), false)).isEqualTo(table().toString());
  }

  @Test
  void onATerminalTheWidestColumnsAreCutUntilARowFits() {
    assertThat(table().text(Optional.of(80), false).lines())
        .containsExactly(
            "JOB         NAME                         STATE    NOTE",
            "ai12345678  a-rather-long-name-of-a-job  queued   it waits for 4 GPUs of type N…",
            "ai87654321  -                            running")
        .allMatch(line -> CellWidth.of(line) <= 80);
    assertThat(table().text(Optional.of(50), false).lines())
        .containsExactly(
            "JOB         NAME            STATE    NOTE",
            "ai12345678  a-rather-long…  queued   it waits for…",
            "ai87654321  -               running");
  }

  @Test
  void aTerminalThatIsTooNarrowGetsTheLeast() {
    assertThat(table().text(Optional.of(10), false).lines().skip(1).findFirst())
        .contains("ai123…  a-rat…  queued  it wa…");
  }

  @Test
  void chineseCharactersTakeTwoColumns() {
    TextTable table = new TextTable("NAME", "STATE");
    table.row("大模型训练", "queued");
    table.row("x", "running");
    assertThat(table.toString().lines())
        .containsExactly("NAME        STATE", "大模型训练  queued", "x           running");
    assertThat(table.text(Optional.of(16), false).lines().skip(1).findFirst())
        .contains("大模型…  queued");
  }

  @Test
  void aColourIsOutsideOfTheWidth() {
    TextTable table = new TextTable("STATE", "NOTE");
    table.add(
        List.of(new TextTable.Cell("failed", Optional.of(Colour.RED)), TextTable.Cell.of("x")));
    assertThat(table.text(Optional.empty(), true).lines().skip(1).findFirst())
        .contains("\u001b[31mfailed\u001b[0m  x");
  }

  @Test
  void aLastColumnThatWrapsLosesNothing() {
    TextTable table = new TextTable("TIME", "WHAT").wrappingLast();
    table.row("now", "the container was started and runs");
    assertThat(table.text(Optional.of(24), false).lines())
        .containsExactly("TIME  WHAT", "now   the container was", "      started and runs");
    assertThat(table.toString().lines()).hasSize(2);
  }

  @Test
  void aCellMovesNoCursor() {
    TextTable table = new TextTable("NAME");
    table.row("a\u001b[2J\nb\u202ec");
    assertThat(table.toString().lines()).containsExactly("NAME", "a?[2J b?c");
  }
}
