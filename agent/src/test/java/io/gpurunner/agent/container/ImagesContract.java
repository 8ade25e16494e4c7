package io.gpurunner.agent.container;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.api.ImageReference;
import io.gpurunner.storage.Cancellation;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;

/** What every {@link Images} keeps, the real one and the fake. */
public abstract class ImagesContract {
  /** The images under test; the same for the whole test. */
  protected abstract Images images();

  /** An image that a registry has and this machine has not. */
  protected abstract ImageReference absentImage();

  /** One that the registry refuses, in these words. */
  protected abstract ImageReference refusedImage(String words);

  /** One whose pull fails this time. */
  protected abstract ImageReference failingImage();

  /** One whose pull does not end. */
  protected abstract ImageReference hangingImage();

  @Test
  void anAbsentImageIsPulledAndThenPresent() {
    ImageReference image = absentImage();
    images().ensurePresent(image, Cancellation.NEVER);
    // Present now: nothing is left that could be cancelled.
    images().ensurePresent(image, () -> true);
  }

  @Test
  void aRefusalCarriesTheRegistrysWords() {
    ImageReference image = refusedImage("denied");
    assertFails(image, Kind.REFUSED, "denied");
  }

  @Test
  void aFailureMayBeTriedAgain() {
    assertFails(failingImage(), Kind.FAILED, "");
  }

  private void assertFails(ImageReference image, Kind kind, String words) {
    assertThatThrownBy(() -> images().ensurePresent(image, Cancellation.NEVER))
        .isInstanceOfSatisfying(ContainerException.class, e -> assertThat(e.kind()).isEqualTo(kind))
        .hasMessageContaining(words);
  }

  @Test
  void aPullThatHangsEndsByCancellation() {
    ImageReference image = hangingImage();
    Instant cancelAt = Instant.now().plusSeconds(1);
    assertThatThrownBy(() -> images().ensurePresent(image, () -> Instant.now().isAfter(cancelAt)))
        .isInstanceOfSatisfying(
            ContainerException.class, e -> assertThat(e.kind()).isEqualTo(Kind.CANCELLED));
    assertThat(Duration.between(cancelAt, Instant.now())).isLessThan(Duration.ofSeconds(3));
  }
}
