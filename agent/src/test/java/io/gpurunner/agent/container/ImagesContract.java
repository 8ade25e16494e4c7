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

  /** Returns an image that the registry refuses. */
  protected abstract ImageReference refusedImage();

  /** Returns an image whose next pull fails. */
  protected abstract ImageReference failingImage();

  /** Returns an image whose pull does not end. */
  protected abstract ImageReference hangingImage();

  @Test
  void anAbsentImageIsPulledAndThenPresent() {
    ImageReference image = absentImage();
    images().ensurePresent(image, OpenRegistries.access(), Cancellation.NEVER);
    // The image is present now, so there is no pull to cancel.
    images().ensurePresent(image, OpenRegistries.access(), () -> true);
  }

  @Test
  void aRefusalIsInWordsOfTheAgentsOwn() {
    assertFails(refusedImage(), OpenRegistries.access(), PullFault.NOT_FOUND);
  }

  @Test
  void aFailureMayBeTriedAgain() {
    assertFails(failingImage(), OpenRegistries.access(), PullFault.NOT_REACHED);
  }

  /** The image that is absent could be pulled. */
  @Test
  void aRegistryThatMayNotBeAskedIsNotAsked() {
    ImageReference image = absentImage();
    RegistryAccess none = OpenRegistries.rules("other.example").of("ann");
    assertFails(image, none, PullFault.NOT_ALLOWED);
    images().ensurePresent(image, OpenRegistries.access(), Cancellation.NEVER);
    images().ensurePresent(image, none, Cancellation.NEVER); // it is here now
  }

  private void assertFails(ImageReference image, RegistryAccess access, PullFault fault) {
    assertThatThrownBy(() -> images().ensurePresent(image, access, Cancellation.NEVER))
        .isInstanceOfSatisfying(
            ContainerException.class,
            e -> {
              assertThat(e.kind()).isEqualTo(fault.kind());
              assertThat(e.words()).isEqualTo(fault.words());
            });
  }

  @Test
  void aPullThatHangsEndsByCancellation() {
    ImageReference image = hangingImage();
    Instant cancelAt = Instant.now().plusSeconds(1);
    assertThatThrownBy(
            () ->
                images()
                    .ensurePresent(
                        image, OpenRegistries.access(), () -> Instant.now().isAfter(cancelAt)))
        .isInstanceOfSatisfying(
            ContainerException.class, e -> assertThat(e.kind()).isEqualTo(Kind.CANCELLED));
    assertThat(Duration.between(cancelAt, Instant.now())).isLessThan(Duration.ofSeconds(3));
  }
}
