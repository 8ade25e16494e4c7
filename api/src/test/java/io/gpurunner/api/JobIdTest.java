package io.gpurunner.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class JobIdTest {
  private static final String TEXT = "aia1905cd8-650a-4cd9-b005-677ec3376db0";

  @Test
  void isReadAndShownAsItIsWritten() {
    JobId id = JobId.parse(TEXT).orElseThrow();
    assertThat(id.value()).isEqualTo(TEXT);
    assertThat(id).hasToString(TEXT).isEqualTo(new JobId(TEXT));
    assertThat(JobId.parse(JobId.random().toString())).isPresent();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "ai",
        "a1905cd8-650a-4cd9-b005-677ec3376db0",
        "AIa1905cd8-650a-4cd9-b005-677ec3376db0",
        "aiA1905CD8-650a-4cd9-b005-677ec3376db0",
        "aia1905cd8650a4cd9b005677ec3376db0",
        "aia1905cd8-650a-4cd9-b005-677ec3376db0/..",
        " aia1905cd8-650a-4cd9-b005-677ec3376db0"
      })
  void isNothingElse(String text) {
    assertThat(JobId.parse(text)).isEmpty();
    assertThatThrownBy(() -> new JobId(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("ai followed by a UUID");
  }
}
