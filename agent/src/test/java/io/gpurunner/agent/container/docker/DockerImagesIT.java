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
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
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

  private DockerImages imagesBy(PullRule rule, Path credentials) {
    return new DockerImages(
        engine.connection(), new PullSettings(rule, credentials, Duration.ofSeconds(10)));
  }

  private DockerImages imagesBy(PullRule rule) {
    return imagesBy(rule, TestEngine.PULLS.credentialsFile());
  }

  private static Images.Found ensure(Images images, String image) {
    return images.ensurePresent(ImageReference.of(image), Cancellation.NEVER);
  }

  @ParameterizedTest
  @ValueSource(strings = {"good/image:1", "good/image"})
  void aPresentImageThatNeedNotBeNewIsNotAskedOfTheRegistryAgain(String name) {
    String image = registry.image(name);
    Images images = imagesBy(PullRule.MISSING);
    ensure(images, image);
    int questions = registry.questions();
    ensure(images, image);
    assertThat(registry.questions()).isEqualTo(questions);
    removeImage(image);
  }

  @Test
  void aNewerImageIsPulledAndItsDigestIsTold() throws IOException {
    String image = registry.image("good/image:1");
    assertThat(ensure(imagesBy(PullRule.NEWER), image).digest()).isEqualTo(registry.digest());
    registry.renew();
    assertThat(ensure(imagesBy(PullRule.MISSING), image).digest()).isNotEqualTo(registry.digest());
    Images.Found newer = ensure(imagesBy(PullRule.NEWER), image);
    assertThat(newer.digest()).isEqualTo(registry.digest());
    assertThat(newer.pulled()).isTrue();
    assertThat(ensure(imagesBy(PullRule.NEWER), image).pulled()).isFalse();
    removeImage(image);
  }

  @Test
  void aBurstOfJobsAsksTheRegistryOnce() {
    String image = registry.image("good/image:1");
    Images images = imagesBy(PullRule.NEWER);
    ensure(images, image);
    int questions = registry.questions();
    for (int i = 0; i < 20; i++) {
      ensure(images, image);
    }
    assertThat(registry.questions()).isEqualTo(questions);
    removeImage(image);
  }

  @Test
  void anImageThatIsHereIsUsedWhileItsRegistryIsAway() {
    String image = registry.image("good/image:1");
    Images.Found first = ensure(imagesBy(PullRule.NEWER), image);
    registry.away(true);
    Images.Found again = ensure(imagesBy(PullRule.NEWER), image);
    assertThat(again.digest()).isEqualTo(first.digest());
    assertThat(again.note().orElseThrow())
        .contains("the image that is on this machine is used", "503");
    assertThatThrownBy(() -> ensure(imagesBy(PullRule.ALWAYS), image))
        .isInstanceOfSatisfying(
            ContainerException.class, e -> assertThat(e.kind()).isEqualTo(Kind.FAILED));
    registry.away(false);
    removeImage(image);
  }

  @ParameterizedTest
  @EnumSource
  void anImageThatExistsOnlyHereIsUsedAsItIs(PullRule rule) {
    assertThat(ensure(imagesBy(rule), TestEngine.image()).note()).isEmpty();
  }

  /** Docker itself would take the beginning of an id for the image. */
  @Test
  void aPartOfAnIdNamesNoImage() {
    String id = ensure(imagesBy(PullRule.MISSING), TestEngine.image()).id();
    String part = id.substring("sha256:".length(), "sha256:".length() + 12);
    assertThatThrownBy(() -> ensure(imagesBy(PullRule.MISSING), part))
        .isInstanceOf(ContainerException.class);
    ContainerSpec spec = TestEngine.spec(part, List.of(), Map.of(), List.of());
    assertThatThrownBy(() -> engine.engine().containers().create(spec))
        .isInstanceOf(ContainerException.class)
        .hasMessageContaining("No such image: " + part + ":latest");
  }

  @Test
  void aPrivateImageIsPulledWithThePasswordOfTheFile(@TempDir Path directory) throws IOException {
    registry.requireLogin();
    String image = registry.image("good/image:1");
    Path file = directory.resolve("config.json");
    Images images = imagesBy(PullRule.NEWER, file);
    assertThatThrownBy(() -> ensure(images, image))
        .isInstanceOfSatisfying(
            ContainerException.class, e -> assertThat(e.kind()).isEqualTo(Kind.REFUSED));
    String host = image.substring(0, image.indexOf('/'));
    // The file is read again for each pull.
    Files.writeString(
        file,
        "{\"auths\":{\"%s\":{\"auth\":\"%s\"}}}"
            .formatted(
                host,
                Base64.getEncoder()
                    .encodeToString(TinyRegistry.login().getBytes(StandardCharsets.UTF_8))));
    assertThat(ensure(images, image).digest()).isEqualTo(registry.digest());
    removeImage(image);
  }

  @Test
  void aPullWithoutProgressIsGivenUp() {
    Images images = imagesBy(PullRule.NEWER);
    assertThatThrownBy(() -> ensure(images, registry.image("stalls/image:1")))
        .isInstanceOfSatisfying(
            ContainerException.class,
            e -> {
              assertThat(e.kind()).isEqualTo(Kind.FAILED);
              assertThat(e).hasMessageContaining("no progress for 10 s");
            });
    assertThat(images.progress(ImageReference.of(registry.image("stalls/image:1")))).isEmpty();
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
