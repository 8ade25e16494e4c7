package io.gpurunner.agent.os;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

final class BackoffTest {
  @Test
  void eachPauseIsTwiceAsLongUntilTheLongest() {
    Backoff backoff = new Backoff(Duration.ofSeconds(2), Duration.ofSeconds(20));

    assertThat(IntStream.rangeClosed(1, 6).mapToObj(backoff::after).map(Duration::toSeconds))
        .containsExactly(2L, 4L, 8L, 16L, 20L, 20L);
    assertThat(backoff.after(Integer.MAX_VALUE)).isEqualTo(Duration.ofSeconds(20));
  }

  @Test
  void thePauseStaysWhereTheFirstIsTheLongest() {
    Backoff steady = new Backoff(Duration.ofSeconds(5), Duration.ofSeconds(5));

    assertThat(steady.after(1)).isEqualTo(steady.after(9)).isEqualTo(Duration.ofSeconds(5));
  }
}
