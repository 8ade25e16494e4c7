package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class RoundsTest {
  @Test
  void whatWasNeverStartedIsClosedAtOnce() {
    AtomicInteger made = new AtomicInteger();
    Rounds rounds = new Rounds("idle", () -> Duration.ofDays(made.incrementAndGet()));
    rounds.close();
    rounds.close();
    assertThat(made).hasValue(0);
  }

  @Test
  void makesARoundAtOnceAndWheneverItIsRung() throws InterruptedException {
    CountDownLatch twice = new CountDownLatch(2);
    CountDownLatch once = new CountDownLatch(1);
    try (Rounds rounds =
        new Rounds(
            "busy",
            () -> {
              twice.countDown();
              once.countDown();
              return Duration.ofDays(1);
            })) {
      rounds.start();
      assertThat(once.await(10, TimeUnit.SECONDS)).isTrue();
      rounds.ring();
      assertThat(twice.await(10, TimeUnit.SECONDS)).isTrue();
    }
  }
}
