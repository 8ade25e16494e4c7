package io.gpurunner.api;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class ShownTest {
  /** A server that writes a line of the log must not be able to write a second one. */
  @Test
  void aServersTextInTheLogIsOneLineOfLimitedLength() {
    assertThat(Shown.logged("denied\nINFO all is well\u001b[31m\u202e"))
        .isEqualTo("denied\\u000aINFO all is well\\u001b[31m\\u202e");
    assertThat(Shown.logged("x".repeat(Shown.LOGGED_CHARACTERS))).hasSize(Shown.LOGGED_CHARACTERS);
    assertThat(Shown.logged("x".repeat(Shown.LOGGED_CHARACTERS + 1)))
        .hasSize(Shown.LOGGED_CHARACTERS + 1)
        .endsWith("x…");
  }
}
