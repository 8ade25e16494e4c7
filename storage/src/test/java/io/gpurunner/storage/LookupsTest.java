package io.gpurunner.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.storage.StorageException.Kind;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class LookupsTest {
  private final CountDownLatch back = new CountDownLatch(1);
  private final AtomicInteger looks = new AtomicInteger();
  private final Lookups lookups =
      new Lookups("test", "the library of the test", Duration.ofMillis(50));

  @AfterEach
  void letGo() {
    back.countDown();
  }

  private int hang() {
    looks.incrementAndGet();
    try {
      back.await();
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a test", e);
    }
    return 1;
  }

  private static void assertUnanswered(ThrowingCallable look, String why) {
    assertThatThrownBy(look)
        .isInstanceOf(StorageException.class)
        .hasMessageStartingWith("the library of the test does not answer (" + why)
        .extracting(thrown -> ((StorageException) thrown).kind())
        .isEqualTo(Kind.UNAVAILABLE);
  }

  @Test
  void returnsWhatALookReturnsAndThrowsWhatItThrows() {
    assertThat(lookups.look(() -> 7)).isEqualTo(7);
    assertThatThrownBy(
            () ->
                lookups.look(
                    () -> {
                      throw new StorageException(Kind.REFUSED, "so");
                    }))
        .isInstanceOf(StorageException.class)
        .hasMessage("so");
  }

  @Test
  void answersAtOnceWhereSoManyHangAndLooksAgainOnceTheyReturn() {
    for (int look = 0; look < Lookups.HANGING_LIMIT; look++) {
      assertUnanswered(() -> lookups.look(this::hang), "no answer within 50 ms");
    }
    assertThat(lookups.hanging()).isEqualTo(Lookups.HANGING_LIMIT);

    assertUnanswered(() -> lookups.look(this::hang), "earlier looks at it have not returned");
    assertThat(looks).as("no further thread hangs").hasValue(Lookups.HANGING_LIMIT);
    assertThat(new Lookups("other", "another", Lookups.LIMIT).look(() -> 7))
        .as("another library is not affected")
        .isEqualTo(7);

    back.countDown();
    long end = System.nanoTime() + Duration.ofSeconds(20).toNanos();
    while (lookups.hanging() > 0) {
      assertThat(System.nanoTime()).isLessThan(end);
      Thread.onSpinWait();
    }
    assertThat(lookups.look(() -> 7)).isEqualTo(7);
  }
}
