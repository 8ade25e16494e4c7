package io.gpurunner.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.gpu.Xid.Action;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests the table of XIDs, and that the page for administrators is the same table. */
class XidTest {
  private static final Pattern ROW =
      Pattern.compile("\\| (\\d+) \\| ([^|]+) \\| ([^|]+) \\| [^| ][^|]* \\|");

  private static final Map<String, Action> ACTIONS =
      Map.of(
          "hands it out", Action.APPLICATION,
          "hands it out, as suspect", Action.WATCH,
          "holds it until a reset", Action.RESET,
          "holds it until a boot", Action.REBOOT);

  private record Row(int number, String meaning, Action action) {}

  @Test
  void theTableForAdministratorsIsTheTableOfTheCode() throws IOException {
    try (Stream<String> lines = Files.lines(Path.of("../docs/xids.md"))) {
      List<Row> told =
          lines
              .filter(line -> line.startsWith("| ") && !line.startsWith("| number |"))
              .map(XidTest::row)
              .toList();
      List<Row> coded =
          Arrays.stream(Xid.values())
              .map(xid -> new Row(xid.number(), xid.meaning(), xid.action()))
              .toList();
      assertThat(told).isEqualTo(coded);
    }
  }

  private static Row row(String line) {
    var row = ROW.matcher(line);
    assertThat(row.matches()).as(line).isTrue();
    return new Row(
        Integer.parseInt(row.group(1)),
        row.group(2),
        Objects.requireNonNull(ACTIONS.get(row.group(3)), line));
  }

  /** Each number is there once, and in order. */
  @Test
  void theNumbersAscend() {
    assertThat(Arrays.stream(Xid.values()).map(Xid::number))
        .doesNotHaveDuplicates()
        .isSorted()
        .first()
        .isEqualTo(1);
  }

  @ParameterizedTest
  @EnumSource
  void eachRowIsFoundByItsNumber(Xid xid) {
    assertThat(xid.name()).isEqualTo("X" + xid.number());
    assertThat(Xid.of(xid.number())).contains(xid);
    assertThat(Xid.actionOf(xid.number())).isEqualTo(xid.action());
  }

  /** 5 and 138 are unused or reserved. A number from NVML is a long. */
  @ParameterizedTest
  @ValueSource(longs = {-1, 0, 5, 138, 9999, (1L << 32) + 79, Long.MAX_VALUE})
  void anUnknownNumberIsWatched(long number) {
    assertThat(Xid.of(number)).isEmpty();
    assertThat(Xid.actionOf(number)).isEqualTo(Action.WATCH);
  }

  @ParameterizedTest
  @ValueSource(longs = {13, 31, 43, 45, 68, 94})
  void aFaultOfTheProgramKeepsTheGpuInUse(long number) {
    assertThat(Xid.actionOf(number)).isEqualTo(Action.APPLICATION);
  }

  @ParameterizedTest
  @ValueSource(longs = {48, 62, 64, 74, 79, 92, 95, 109, 119, 120, 140})
  void aFaultOfTheGpuTakesItOutOfUse(long number) {
    assertThat(Xid.actionOf(number)).isIn(Action.RESET, Action.REBOOT);
  }

  /** A reset does not bring these back. */
  @ParameterizedTest
  @ValueSource(longs = {79, 110})
  void aGpuThatIsGoneNeedsABoot(long number) {
    assertThat(Xid.actionOf(number)).isEqualTo(Action.REBOOT);
  }

  @ParameterizedTest
  @EnumSource
  void theRemedyFitsTheAction(Xid xid) {
    switch (xid.action()) {
      case APPLICATION -> assertThat(xid.remedy()).contains("program");
      case WATCH -> assertThat(xid.remedy()).isNotBlank();
      case RESET ->
          assertThat(xid.remedy())
              .startsWith("reset it (nvidia-smi --gpu-reset) or reboot the machine");
      case REBOOT -> assertThat(xid.remedy()).containsAnyOf("reboot", "power-cycle", "power the");
    }
    assertThat(xid.remedy()).doesNotEndWith(".");
  }

  @Test
  void aRowMayHaveARemedyOfItsOwn() {
    assertThat(Xid.X95.remedy()).endsWith("or reboot the machine");
    assertThat(Xid.X64.remedy()).endsWith("; replace it if the error comes back");
    assertThat(Xid.X110.remedy()).startsWith("power-cycle the machine");
  }
}
