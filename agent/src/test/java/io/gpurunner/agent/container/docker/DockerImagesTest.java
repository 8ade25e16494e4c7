package io.gpurunner.agent.container.docker;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.api.ImageReference;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tests which tag or digest is pulled. {@code DockerImagesIT} tests the pulls themselves. */
final class DockerImagesTest {
  private static final String DIGEST =
      "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

  @ParameterizedTest
  @CsvSource({
    "busybox, latest",
    "127.0.0.1:5000/a/b, latest",
    "busybox:1.36, 1.36",
    "a/b@" + DIGEST + ", " + DIGEST,
    "a/b:1@" + DIGEST + ", " + DIGEST
  })
  void aDigestCountsBeforeATagAndWithoutBothItIsTheLatest(String image, String pulled) {
    assertThat(DockerImages.tagOrDigest(ImageReference.of(image))).isEqualTo(pulled);
  }
}
