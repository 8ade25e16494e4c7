package io.gpurunner.agent.container;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.api.ImageReference;
import io.gpurunner.storage.Cancellation;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;

/** The contract of every {@link Images}, the fake included. */
public abstract class ImagesContract {
  /** Returns the images under test, the same object for the whole test. */
  protected abstract Images images();

  /** Returns an image that a registry has and this machine lacks. */
  protected abstract ImageReference absentImage();

  /** Returns an image that the registry refuses in these words. */
  protected abstract ImageReference refusedImage(String words);

  /** Returns an image whose next pull fails. */
  protected abstract ImageReference failingImage();

  /** Returns an image whose pull does not end. */
  protected abstract ImageReference hangingImage();

  @Test
  void anAbsentImageIsPulledAndThenPresent() {
    ImageReference image = absentImage();
    images().ensurePresent(image, Cancellation.NEVER);
    // The image is present now, so there is no pull to cancel.
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
