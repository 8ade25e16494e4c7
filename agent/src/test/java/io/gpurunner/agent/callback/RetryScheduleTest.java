package io.gpurunner.agent.callback;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class RetryScheduleTest {
  private static final Duration RETRY_FOR = Duration.ofDays(3);

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
  void fromSecondsToHoursUntilTheTimeIsUsedUp(long seed) {
    List<Duration> delays = delays(new RetrySchedule(RETRY_FOR, new Random(seed)));
    assertThat(delays.getFirst()).isBetween(Duration.ofMillis(2_500), Duration.ofSeconds(5));
    assertThat(delays).allMatch(delay -> delay.compareTo(Duration.ofHours(6)) <= 0);
    assertThat(delays.subList(14, delays.size() - 1))
        .allMatch(delay -> delay.compareTo(Duration.ofHours(3)) >= 0);
    assertThat(delays).hasSizeBetween(24, 42);
    assertThat(delays.stream().reduce(Duration.ZERO, Duration::plus)).isEqualTo(RETRY_FOR);
    assertThat(delays(new RetrySchedule(RETRY_FOR, new Random(seed)))).isEqualTo(delays);
  }

  @Test
  void theTimeIsUsedUp() {
    RetrySchedule schedule = new RetrySchedule(RETRY_FOR, new Random(1));
    assertThat(schedule.delayAfter(1, RETRY_FOR)).isEmpty();
    assertThat(schedule.delayAfter(1, RETRY_FOR.plusDays(1))).isEmpty();
    assertThat(schedule.delayAfter(1, RETRY_FOR.minusSeconds(1))).contains(Duration.ofSeconds(1));
    assertThat(new RetrySchedule(Duration.ZERO, new Random(1)).delayAfter(1, Duration.ZERO))
        .isEmpty();
  }

  @Test
  void manyTriesDoNotOverflow() {
    RetrySchedule schedule = new RetrySchedule(Duration.ofDays(36_500), new Random(1));
    assertThat(schedule.delayAfter(Integer.MAX_VALUE, Duration.ZERO))
        .get()
        .matches(delay -> delay.compareTo(Duration.ofHours(3)) >= 0);
  }

  @Test
  void jitterSpreads() {
    RetrySchedule schedule = new RetrySchedule(RETRY_FOR, new Random(7));
    List<Duration> first = new ArrayList<>();
    for (int callback = 0; callback < 100; callback++) {
      schedule.delayAfter(5, Duration.ZERO).ifPresent(first::add);
    }
    assertThat(first.stream().distinct()).hasSizeGreaterThan(90);
    assertThat(first).allMatch(delay -> delay.toSeconds() >= 40 && delay.toSeconds() <= 80);
  }

  private static List<Duration> delays(RetrySchedule schedule) {
    List<Duration> delays = new ArrayList<>();
    Duration elapsed = Duration.ZERO;
    Optional<Duration> delay = schedule.delayAfter(1, elapsed);
    while (delay.isPresent()) {
      delays.add(delay.get());
      elapsed = elapsed.plus(delay.get());
      delay = schedule.delayAfter(delays.size() + 1, elapsed);
    }
    return delays;
  }
}
