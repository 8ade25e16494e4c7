package io.gpurunner.agent.container.docker;

import static io.gpurunner.agent.container.ContainerRef.unrecorded;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.ContainerSpec;
import io.gpurunner.agent.container.Images;
import io.gpurunner.agent.container.ImagesContract;
import io.gpurunner.agent.container.Observation;
import io.gpurunner.api.ImageReference;
import io.gpurunner.storage.Cancellation;
import java.io.IOException;
import java.net.ServerSocket;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests the contract with a real engine, which pulls from a registry on loopback. */
final class DockerImagesIT extends ImagesContract {
  private final TestEngine engine = new TestEngine();
  private TinyRegistry registry;

  @BeforeEach
  void startRegistry() throws IOException {
    registry = new TinyRegistry();
  }

  @AfterEach
  void stop() {
    try {
      removeImage(absentImage().toString());
    } catch (ContainerException e) {
      assertThat(e.kind()).isEqualTo(Kind.ABSENT);
    }
    registry.close();
    engine.close();
  }

  private void pull(String image) {
    engine.engine().images().ensurePresent(ImageReference.of(image), Cancellation.NEVER);
  }

  @Override
  protected Images images() {
    return engine.engine().images();
  }

  @Override
  protected ImageReference absentImage() {
    return ImageReference.of(registry.image("good/image:1"));
  }

  @Override
  protected ImageReference refusedImage(String words) {
    return ImageReference.of(registry.image(words + "/image:1"));
  }

  @Override
  protected ImageReference failingImage() {
    return ImageReference.of(registry.image("broken/image:1"));
  }

  @Override
  protected ImageReference hangingImage() {
    return ImageReference.of(registry.image("hangs/image:1"));
  }

  private void removeImage(String image) {
    engine
        .connection()
        .run("removing " + image, CallLimits.QUICK, docker -> docker.removeImageCmd(image).exec());
  }

  @ParameterizedTest
  @ValueSource(strings = {"good/image:1", "good/image"})
  void aPresentImageIsNotAskedOfTheRegistryAgain(String name) {
    String image = registry.image(name);
    pull(image);
    // The image is present now, so the registry is not asked again.
    registry.close();
    pull(image);
    removeImage(image);
  }

  /** The image's configuration has ports that the engine accepts and docker-java cannot read. */
  @Test
  void anImageWhoseConfigurationCannotBeReadCanBeUsed() {
    String image = registry.image("good/image:1");
    pull(image);
    ContainerSpec spec = TestEngine.spec(image, List.of(), Map.of(), List.of());
    engine.engine().containers().create(spec);
    assertThat(engine.engine().containers().inspect(unrecorded(spec.name())))
        .get()
        .isInstanceOf(Observation.Created.class);
    engine.removeContainers();
    removeImage(image);
  }

  @Test
  void aPresentImageIsNotPulled() {
    engine.engine().images().ensurePresent(ImageReference.of(TestEngine.image()), () -> true);
  }

  @ParameterizedTest
  @CsvSource({
    "good/image:missing, REFUSED, manifest unknown",
    "denied/image:1, REFUSED, denied",
    "unauthorized/image:1, REFUSED, auth",
    "broken/image:1, FAILED, 500 Internal Server Error",
    "busy/image:1, FAILED, slow down"
  })
  void aRefusedPullCarriesTheRegistrysWords(String name, Kind kind, String words) {
    String image = registry.image(name);
    assertThatThrownBy(() -> pull(image))
        .isInstanceOfSatisfying(
            ContainerException.class,
            e -> {
              assertThat(e).hasMessageContaining(image).hasMessageContaining(words);
              assertThat(e.kind()).isEqualTo(kind);
            });
  }

  @Test
  void aRegistryThatIsNotThereMayComeBack() throws IOException {
    int port;
    try (ServerSocket free = new ServerSocket(0)) {
      port = free.getLocalPort();
    }
    assertThatThrownBy(() -> pull("127.0.0.1:" + port + "/image:1"))
        .isInstanceOfSatisfying(
            ContainerException.class,
            e -> {
              assertThat(e).hasMessageContaining("connection refused");
              assertThat(e.kind()).isEqualTo(Kind.FAILED);
            });
  }

  @Test
  void aHostThatDoesNotExistIsNamed() {
    assertThatThrownBy(() -> pull("registry.invalid/image:1"))
        .isInstanceOfSatisfying(
            ContainerException.class,
            e -> {
              assertThat(e).hasMessageContaining("registry.invalid");
              assertThat(e.kind()).isEqualTo(Kind.FAILED);
            });
  }
}
