package io.gpurunner.agent.container.docker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.container.ContainerException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class ImageReferenceTest {
  private static final String DIGEST = "sha256:" + "a".repeat(64);

  @ParameterizedTest
  @CsvSource({
    "busybox, busybox, latest",
    "busybox:1.36, busybox, 1.36",
    "library/busybox:1, library/busybox, 1",
    "127.0.0.1:5000/a/b, 127.0.0.1:5000/a/b, latest",
    "[::1]:5000/a:b, [::1]:5000/a, b",
    "registry.example.org/team_1/my-app.x__y:V1_2.3-x, registry.example.org/team_1/my-app.x__y,"
        + " V1_2.3-x",
    "Registry.Example.org:443/a, Registry.Example.org:443/a, latest"
  })
  void aReferenceHasItsParts(String text, String repository, String tag) {
    assertThat(ImageReference.parse(text)).isEqualTo(new ImageReference(repository, tag));
  }

  @Test
  void aDigestWinsOverATag() {
    assertThat(ImageReference.parse("a/b:1@" + DIGEST))
        .isEqualTo(new ImageReference("a/b", DIGEST));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "UPPER",
        "a b",
        "a:",
        "a@",
        "a:b:c",
        "../x",
        "a/../b",
        "a//b",
        "/a",
        "a/",
        "a?x=1",
        "a#b",
        "a%2fb",
        "-a",
        "a:-b",
        "a\n",
        "http://example.org/a"
      })
  void whatIsNoneIsRefused(String text) {
    assertThatThrownBy(() -> ImageReference.parse(text))
        .isInstanceOfSatisfying(
            ContainerException.class,
            e -> assertThat(e.kind()).isEqualTo(ContainerException.Kind.REFUSED));
  }

  @Test
  void aLongOneIsRefusedAtOnce() {
    assertThatThrownBy(() -> ImageReference.parse("a-".repeat(100_000)))
        .isInstanceOf(ContainerException.class)
        .message()
        .hasSizeLessThan(3000);
  }
}
