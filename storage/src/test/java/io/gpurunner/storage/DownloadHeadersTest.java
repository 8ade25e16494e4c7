package io.gpurunner.storage;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class DownloadHeadersTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "a b.bin|attachment; filename=\"a b.bin\"; filename*=UTF-8''a%20b.bin",
        "a\"b.bin|attachment; filename=\"a_b.bin\"; filename*=UTF-8''a%22b.bin",
        "模.bin|attachment; filename=\"_.bin\"; filename*=UTF-8''%E6%A8%A1.bin",
        "a;b%.bin|attachment; filename=\"a_b_.bin\"; filename*=UTF-8''a%3Bb%25.bin",
        "a\\b|attachment; filename=\"a_b\"; filename*=UTF-8''a%5Cb"
      })
  void fileNamesAreWrittenSafely(String name, String disposition) {
    assertThat(DownloadHeaders.of(name).contentDisposition()).isEqualTo(disposition);
  }

  @Test
  void noNameCanEndTheHeader() {
    assertThat(DownloadHeaders.of("a\r\nX: y").contentDisposition())
        .doesNotContain("\r")
        .doesNotContain("\n");
  }

  @Test
  void anArchiveSaysThatItIsOne() {
    assertThat(DownloadHeaders.of("data.zip").contentType()).isEqualTo("application/zip");
    assertThat(DownloadHeaders.of("model.bin").contentType()).isEqualTo("application/octet-stream");
  }
}
