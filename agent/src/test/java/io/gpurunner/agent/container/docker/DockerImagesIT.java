package io.gpurunner.agent.container.docker;

import static io.gpurunner.agent.container.ContainerRef.unrecorded;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.callback.AddressPolicy;
import io.gpurunner.agent.callback.SystemHostResolver;
import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.ContainerSpec;
import io.gpurunner.agent.container.Images;
import io.gpurunner.agent.container.ImagesContract;
import io.gpurunner.agent.container.Observation;
import io.gpurunner.agent.container.OpenRegistries;
import io.gpurunner.agent.container.PullFault;
import io.gpurunner.agent.container.RegistryAccess;
import io.gpurunner.agent.container.RegistryPattern;
import io.gpurunner.agent.container.RegistryRules;
import io.gpurunner.api.ImageReference;
import io.gpurunner.storage.Cancellation;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.assertj.core.api.ThrowableAssert;
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
    engine
        .engine()
        .images()
        .ensurePresent(ImageReference.of(image), OpenRegistries.access(), Cancellation.NEVER);
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
  protected ImageReference refusedImage() {
    return ImageReference.of(registry.image("denied/image:1"));
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
    return images.ensurePresent(
        ImageReference.of(image), OpenRegistries.access(), Cancellation.NEVER);
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
        .contains("the image that is on this machine is used", PullFault.NOT_REACHED.words());
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

  /** Docker itself would take an id, or the beginning of one, for the image. */
  @ParameterizedTest
  @ValueSource(strings = {"%.2s", "%.12s", "%.63s", "sha256:%s", "sha256:%.12s", "library/%s"})
  void anIdAndItsBeginningNameNoImage(String form) {
    String id = ensure(imagesBy(PullRule.MISSING), TestEngine.image()).id();
    assertThat(ImageReference.parse(id.substring("sha256:".length()))).isEmpty();
    String part = form.formatted(id.substring("sha256:".length()));
    assertThatThrownBy(() -> ensure(imagesBy(PullRule.MISSING), part))
        .isInstanceOf(ContainerException.class);
    ContainerSpec spec = TestEngine.spec(part, List.of(), Map.of(), List.of());
    assertThatThrownBy(() -> engine.engine().containers().create(spec))
        .isInstanceOf(ContainerException.class)
        .hasMessageContaining("No such image: ");
  }

  @Test
  void aPrivateImageIsPulledWithThePasswordOfTheFile(@TempDir Path directory) throws IOException {
    registry.requireLogin();
    String image = registry.image("good/image:1");
    Path file = directory.resolve("config.json");
    Images images = imagesBy(PullRule.NEWER, file);
    assertFails(PullFault.NOT_FOUND, () -> ensure(images, image));
    String host = image.substring(0, image.indexOf('/'));
    // The file is read again for each pull.
    logIn(file, host);
    assertThat(ensure(images, image).digest()).isEqualTo(registry.digest());
    removeImage(image);
  }

  private static void logIn(Path file, String host) throws IOException {
    Files.writeString(
        file,
        "{\"auths\":{\"%s\":{\"auth\":\"%s\"}}}"
            .formatted(
                host,
                Base64.getEncoder()
                    .encodeToString(TinyRegistry.login().getBytes(StandardCharsets.UTF_8))));
  }

  private static void assertFails(PullFault fault, ThrowableAssert.ThrowingCallable pull) {
    assertThatThrownBy(pull)
        .isInstanceOfSatisfying(
            ContainerException.class,
            e -> {
              assertThat(e.words()).isEqualTo(fault.words());
              assertThat(e.kind()).isEqualTo(fault.kind());
            });
  }

  /** The access of a user to whom no password is granted. */
  private static RegistryAccess stranger() {
    RegistryAccess open = OpenRegistries.access();
    return new RegistryAccess() {
      @Override
      public boolean mayLogIn(ImageReference image) {
        return false;
      }

      @Override
      public void requireAllowed(ImageReference image) {
        open.requireAllowed(image);
      }
    };
  }

  /** Ann may have the private image. Once she has it, Bob names it, too. */
  @ParameterizedTest
  @EnumSource
  void aPrivateImageThatIsHereIsNotRunForAStranger(PullRule rule, @TempDir Path directory)
      throws IOException {
    registry.requireLogin();
    ImageReference image = ImageReference.of(registry.image("good/image:1"));
    Path file = directory.resolve("config.json");
    logIn(file, image.fullRegistry());
    Images images = imagesBy(rule, file);
    ensure(images, image.toString());
    ImageReference byDigest = ImageReference.of(registry.image("good/image@" + registry.digest()));
    ensure(images, byDigest.toString());
    for (ImageReference named : List.of(image, byDigest)) {
      assertFails(
          PullFault.NOT_GRANTED, () -> images.ensurePresent(named, stranger(), Cancellation.NEVER));
    }
    ensure(images, image.toString());
    removeImage(image.toString());
  }

  /** The image came here by hand, as docker load brings it: without the registry's digest. */
  @Test
  void aPrivateImageThatWasLoadedByHandIsNotRunForAStranger(@TempDir Path directory)
      throws IOException {
    registry.requireLogin();
    String repository = registry.image("good/image");
    String loaded = repository + ":loaded";
    engine
        .connection()
        .run(
            "tagging",
            CallLimits.QUICK,
            docker -> docker.tagImageCmd(TestEngine.image(), repository, "loaded").exec());
    Path file = directory.resolve("config.json");
    logIn(file, ImageReference.of(loaded).fullRegistry());
    Images images = imagesBy(PullRule.MISSING, file);
    assertFails(
        PullFault.NOT_GRANTED,
        () -> images.ensurePresent(ImageReference.of(loaded), stranger(), Cancellation.NEVER));
    assertThat(ensure(images, loaded).pulled()).isFalse();
    removeImage(loaded);
  }

  /** A registry that has public images, too, gives them to all. */
  @Test
  void aPublicImageOfARegistryWithAPasswordIsRunForAStranger(@TempDir Path directory)
      throws IOException {
    ImageReference image = ImageReference.of(registry.image("good/image:1"));
    Path file = directory.resolve("config.json");
    logIn(file, image.fullRegistry());
    Images images = imagesBy(PullRule.NEWER, file);
    int questions = registry.questions();
    assertThat(images.ensurePresent(image, stranger(), Cancellation.NEVER).digest())
        .isEqualTo(registry.digest());
    assertThat(registry.questions()).isGreaterThan(questions);
    registry.away(true);
    Images later = imagesBy(PullRule.NEWER, file);
    assertFails(
        PullFault.NOT_REACHED, () -> later.ensurePresent(image, stranger(), Cancellation.NEVER));
    assertFails(PullFault.NOT_REACHED, () -> ensure(later, image.toString()));
    registry.away(false);
    removeImage(image.toString());
  }

  /** The name of this machine is looked up, and leads to one of its addresses. */
  @Test
  void aRegistryThatTheRulesRefuseGetsNoQuestion() throws IOException {
    String named = registry.image("good/image:1");
    String port = named.substring(named.indexOf(':'), named.indexOf('/'));
    String ownName = InetAddress.getLocalHost().getHostName();
    try (SystemHostResolver resolver = new SystemHostResolver()) {
      RegistryAccess byDefault =
          new RegistryRules(
                  List.of(RegistryPattern.parse("docker.io"), RegistryPattern.parse("*")),
                  Map.of(),
                  new AddressPolicy(List.of(), List.of(), resolver))
              .of("ann");
      for (String host :
          List.of("127.0.0.1", "localhost", "LOCALHOST", "0x7f.1", "2130706433", ownName)) {
        ImageReference image = ImageReference.of(host + port + "/good/image:1");
        assertFails(
            PullFault.NOT_ALLOWED,
            () -> images().ensurePresent(image, byDefault, Cancellation.NEVER));
      }
    }
    assertThat(registry.questions()).isZero();
    ensure(images(), named);
    assertThat(registry.questions()).isPositive();
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
    engine
        .engine()
        .images()
        .ensurePresent(ImageReference.of(TestEngine.image()), OpenRegistries.access(), () -> true);
  }

  /** The user reads the words of the fault, and the log gets the text. */
  @ParameterizedTest
  @CsvSource({
    "good/image:missing, NOT_FOUND, manifest unknown",
    "denied/image:1, NOT_FOUND, denied",
    "unauthorized/image:1, NOT_FOUND, auth",
    "broken/image:1, NOT_REACHED, 500 Internal Server Error",
    "busy/image:1, TOO_MANY, slow down"
  })
  void aRefusedPullIsClassified(String name, PullFault fault, String text) {
    String image = registry.image(name);
    assertThatThrownBy(() -> pull(image))
        .isInstanceOfSatisfying(
            ContainerException.class,
            e -> {
              assertThat(e).hasMessageContaining(image).hasMessageContaining(text);
              assertThat(e.words()).isEqualTo(fault.words());
              assertThat(e.kind()).isEqualTo(fault.kind());
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
