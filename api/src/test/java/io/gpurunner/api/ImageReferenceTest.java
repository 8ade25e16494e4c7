package io.gpurunner.api;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
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
    assertThat(ImageReference.isValid(reference)).isTrue();
    assertThat(ImageReference.isValid(reference + "@" + SHA256)).isTrue();
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
        "./x",
        "x;rm -rf /",
        "$(x)",
        "--privileged",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
      })
  void refusesTheRest(String reference) {
    assertThat(ImageReference.isValid(reference)).isFalse();
  }

  @Test
  void boundsLengths() {
    assertThat(ImageReference.isValid("x".repeat(255))).isTrue();
    assertThat(ImageReference.isValid("x".repeat(256))).isFalse();
    assertThat(ImageReference.isValid("x:" + "t".repeat(128))).isTrue();
    assertThat(ImageReference.isValid("x:" + "t".repeat(129))).isFalse();
    assertThat(ImageReference.isValid("a-".repeat(1_000_000))).isFalse();
  }
}
