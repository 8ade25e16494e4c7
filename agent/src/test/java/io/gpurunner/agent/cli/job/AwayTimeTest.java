package io.gpurunner.agent.cli.job;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneOffset;
import org.junit.jupiter.api.Test;

final class AwayTimeTest {
  private Instant now = Instant.parse("2026-03-01T12:00:00Z");
  private final AwayTime away = new AwayTime(((InstantSource) () -> now).withZone(ZoneOffset.UTC));

  private Duration passedAfter(Duration step) {
    now = now.plus(step);
    return away.passed();
  }

  @Test
  void theTimeBetweenTriesAddsUpUntilAnAnswer() {
    assertThat(passedAfter(Duration.ofSeconds(10))).isEqualTo(Duration.ofSeconds(10));
    assertThat(passedAfter(Duration.ofSeconds(70))).isEqualTo(Duration.ofSeconds(80));
    away.end();
    assertThat(passedAfter(Duration.ofSeconds(3))).isEqualTo(Duration.ofSeconds(3));
  }

  @Test
  void theSleepOfTheMachineCountsAsOneTry() {
    assertThat(passedAfter(Duration.ofHours(9))).isEqualTo(AwayTime.STEP_LIMIT);
  }

  @Test
  void aClockThatIsSetBackTakesNothingAway() {
    passedAfter(Duration.ofSeconds(10));
    assertThat(passedAfter(Duration.ofHours(-9))).isEqualTo(Duration.ofSeconds(10));
    assertThat(passedAfter(Duration.ofSeconds(5))).isEqualTo(Duration.ofSeconds(15));
  }
}
