package io.gpurunner.agent.cli.top;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class BarsTest {
  @Test
  void aBarIsAsLongAsItsShare() {
    assertThat(Bars.bar(Optional.of(0.0), 4)).isEqualTo("░░░░");
    assertThat(Bars.bar(Optional.of(0.5), 4)).isEqualTo("██░░");
    assertThat(Bars.bar(Optional.of(1.0), 4)).isEqualTo("████");
    assertThat(Bars.bar(Optional.empty(), 4)).isEqualTo("    ");
  }

  @Test
  void aSparklineHasTheNewestAtItsEnd() {
    List<Optional<Double>> shares =
        List.of(Optional.of(0.0), Optional.empty(), Optional.of(0.5), Optional.of(1.0));

    assertThat(Bars.sparkline(shares, 6)).isEqualTo("  ▁ ▅█");
    assertThat(Bars.sparkline(shares, 2)).isEqualTo("▅█");
  }

  @Test
  void whatTheDriverTellsWronglyDrawsNoBarBeyondItsEnds() {
    assertThat(
            Figure.MEMORY.of(
                Pictures.json("{\"memoryMegabytes\":1000,\"memoryUsedMegabytes\":5000}")))
        .isEqualTo(new Figure.Reading(Optional.of(1.0), "5/1 GB"));
    assertThat(Figure.MEMORY.of(Pictures.json("{\"memoryMegabytes\":24000}")))
        .isEqualTo(new Figure.Reading(Optional.empty(), "?/24 GB"));
    assertThat(
            Figure.POWER.of(
                Pictures.json("{\"powerMilliwatts\":90000,\"powerLimitMilliwatts\":0}")))
        .isEqualTo(new Figure.Reading(Optional.empty(), "90/0 W"));
    assertThat(Figure.POWER.of(Pictures.json("{\"powerMilliwatts\":90000}")))
        .isEqualTo(new Figure.Reading(Optional.empty(), "90 W"));
  }
}
