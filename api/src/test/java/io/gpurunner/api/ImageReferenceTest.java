package io.gpurunner.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class ImageReferenceTest {
  private static final String SHA256 = "sha256:" + "0123456789abcdef".repeat(4);

  @ParameterizedTest
  @ValueSource(
      strings = {
        "busybox",
        "busybox:1",
        "library/busybox",
        "a/b/c/d:x",
        "a_b/c",
        "dockerhub.kubekey.local/kubesphereio/train:test",
        "localhost/x",
        "localhost:5000/x/y:z",
        "REGISTRY/x",
        "10.0.0.1:443/x",
        "[::1]:5000/x",
        "registry.example.com/a_b/c__d/e-f/g---h/i.j",
        "x:Tag_1.2-3",
        "x:" + "0123456789",
        "pytorch/pytorch:2.1.0-cuda12.1-cudnn8-runtime"
      })
  void takesReferences(String reference) {
    for (String text : List.of(reference, reference + "@" + SHA256)) {
      assertThat(ImageReference.parse(text)).get().hasToString(text);
      assertThat(ImageReference.of(text)).hasToString(text);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        ":",
        "@",
        "a.b_c/x",
        "localhost:x/y",
        "x:",
        "x@",
        "/x",
        "x/",
        "x//y",
        "-x",
        "x-",
        "x..y",
        "x___y",
        "X",
        "a/B",
        "x y",
        "x\ny",
        "x:tag:tag",
        "x:-tag",
        "x:täg",
        "x@sha256:abc",
        "x@sha256:ABCDEF",
        "x@md5:0123456789abcdef0123456789abcdef",
        "host:port/x",
        "host:123456/x",
        "-host.com/x",
        "host-.com/x",
        "http://host/x",
        "../x",
        "a/../b",
        "a?x=1",
        "a#b",
        "a%2fb",
        "./x",
        "x;rm -rf /",
        "$(x)",
        "--privileged",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
      })
  void refusesTheRest(String reference) {
    assertThat(ImageReference.parse(reference)).isEmpty();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ImageReference.of(reference))
        .withMessageStartingWith("not an image reference: \"");
  }

  @ParameterizedTest
  @CsvSource({
    "busybox, '', busybox, ''",
    "busybox:1.36, '', busybox, 1.36",
    "library/busybox:1, '', library/busybox, 1",
    "localhost/x, localhost, x, ''",
    "127.0.0.1:5000/a/b, 127.0.0.1:5000, a/b, ''",
    "[::1]:5000/a:b, [::1]:5000, a, b",
    "registry.example.org/team_1/my-app.x__y:V1_2.3-x, registry.example.org, team_1/my-app.x__y,"
        + " V1_2.3-x",
    "Registry.Example.org:443/a, Registry.Example.org:443, a, ''"
  })
  void aReferenceHasItsParts(String text, String registry, String repository, String tag) {
    ImageReference parsed = ImageReference.of(text);

    assertThat(parsed)
        .isEqualTo(new ImageReference(given(registry), repository, given(tag), Optional.empty()));
    assertThat(parsed.name())
        .isEqualTo(registry.isEmpty() ? repository : registry + "/" + repository);
    assertThat(ImageReference.of(text + "@" + SHA256))
        .isEqualTo(
            new ImageReference(given(registry), repository, given(tag), Optional.of(SHA256)));
  }

  private static Optional<String> given(String part) {
    return part.isEmpty() ? Optional.empty() : Optional.of(part);
  }

  @Test
  void partsOfAWrongFormAreNoReference() {
    for (String repository : List.of("", "A", "a/", "a:b", "../a", "localhost/a", "a.b/c")) {
      assertThatIllegalArgumentException()
          .isThrownBy(
              () ->
                  new ImageReference(
                      Optional.empty(), repository, Optional.empty(), Optional.empty()))
          .withMessage("not an image reference: \"" + repository + "\"");
    }
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> new ImageReference(Optional.of("team"), "a", Optional.empty(), Optional.empty()))
        .withMessage("not an image reference: \"team/a\"");
  }

  @Test
  void boundsLengths() {
    assertThat(ImageReference.parse("x".repeat(255))).isPresent();
    assertThat(ImageReference.parse("x".repeat(256))).isEmpty();
    assertThat(ImageReference.parse("x:" + "t".repeat(128))).isPresent();
    assertThat(ImageReference.parse("x:" + "t".repeat(129))).isEmpty();
    String tagAndDigest = ":" + "t".repeat(128) + "@sha512:" + "0".repeat(128);
    String longest =
        "x".repeat(JobRequestLimits.MAX_IMAGE_CHARACTERS - tagAndDigest.length()) + tagAndDigest;
    assertThat(ImageReference.parse(longest)).isPresent();
    assertThat(ImageReference.parse("x" + longest)).isEmpty();
    assertThat(ImageReference.parse("a-".repeat(1_000_000))).isEmpty();
  }

  /** An engine could read a short name as the beginning of an image's id. */
  @ParameterizedTest
  @CsvSource({
    "busybox, docker.io/library/busybox:latest",
    "3f57d9401f8d, docker.io/library/3f57d9401f8d:latest",
    "ann/train:2, docker.io/ann/train:2",
    "docker.io/busybox, docker.io/library/busybox:latest",
    "index.docker.io/ann/train, docker.io/ann/train:latest",
    "localhost/train, localhost/train:latest",
    "registry.lab:5000/a/b:c, registry.lab:5000/a/b:c",
    "a:b@sha256:0123456789012345678901234567890123456789012345678901234567890123,"
        + " docker.io/library/a@sha256:0123456789012345678901234567890123456789012345678901234567890123"
  })
  void itsFullNameAlwaysNamesAnImage(String text, String full) {
    assertThat(ImageReference.of(text).fullName()).isEqualTo(full);
    assertThat(ImageReference.of(full).fullName()).isEqualTo(full);
  }
}
