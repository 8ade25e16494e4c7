package io.gpurunner.agent.container;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class ExitCodesTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          0   | 0
          1   | 1
          126 | 126 (the command cannot be executed)
          127 | 127 (command not found)
          128 | 128
          129 | 129 (killed by SIGHUP)
          192 | 192 (killed by signal 64)
          137 | 137 (killed by SIGKILL)
          139 | 139 (killed by SIGSEGV, segmentation fault)
          143 | 143 (killed by SIGTERM)
          144 | 144 (killed by signal 16)
          193 | 193
          255 | 255 (the program's own, or lost because the container engine died)
          """)
  void codesInWords(int code, String words) {
    assertThat(ExitCodes.describe(code)).isEqualTo(words);
  }
}
