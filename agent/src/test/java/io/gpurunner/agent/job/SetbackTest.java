package io.gpurunner.agent.job;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class SetbackTest {
  private static final Instant T = Instant.parse("2026-03-01T10:00:00Z");

  private static List<Duration> pauses(int count, Ending.Cause cause) {
    Optional<Setback> last = Optional.empty();
    List<Duration> pauses = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      last = Optional.of(Setback.after(last, new Ending.NotStarted("why", cause), T));
      pauses.add(Duration.between(T, last.orElseThrow().notBefore()));
    }
    return pauses;
  }

  @Test
  void startsThatFailForNoKnownReasonAreRetriedThreeTimesOverTenMinutes() {
    List<Duration> pauses = pauses(Setback.UNEXPLAINED_LIMIT - 1, Ending.Cause.UNKNOWN);
    assertThat(pauses).hasSize(3);
    assertThat(pauses.stream().reduce(Duration.ZERO, Duration::plus))
        .isEqualTo(Duration.ofMinutes(10));
  }

  @Test
  void theMachinesTroubleIsRetriedForEverAndCountsNothing() {
    assertThat(pauses(9, Ending.Cause.MACHINE).stream().map(Duration::toSeconds))
        .containsExactly(5L, 10L, 20L, 40L, 80L, 160L, 300L, 300L, 300L);
    Setback setback =
        Setback.after(
            Optional.empty(), new Ending.NotStarted("no bridge", Ending.Cause.MACHINE), T);
    assertThat(setback.unexplained()).isZero();
    assertThat(setback.refusals()).isEqualTo(1);
    assertThat(setback.reason()).isEqualTo("no bridge");
  }

  @Test
  void itHoldsTheJobBackUntilItsTimeAndNotForTheTimeOfAnotherBoot() {
    Setback setback = new Setback("why", T, 1, 0, Optional.empty());
    assertThat(setback.holdsBack(T.minusSeconds(1))).isTrue();
    assertThat(setback.holdsBack(T)).isFalse();
    assertThat(setback.holdsBack(T.minus(Duration.ofDays(1)))).isFalse();
  }
}
