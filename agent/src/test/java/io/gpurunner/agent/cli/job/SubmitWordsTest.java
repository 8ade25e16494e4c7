package io.gpurunner.agent.cli.job;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests how commands are quoted, and how times and messages are read. */
final class SubmitWordsTest {
  @Test
  void plainWordsStayAsTheyAre() {
    assertThat(ShellQuoting.join(List.of("python", "train.py", "--lr=1e-5", "用/x:y,z@1%+")))
        .isEqualTo("python train.py --lr=1e-5 用/x:y,z@1%+");
  }

  @Test
  void aShellSeesTheSameWords() throws IOException {
    List<String> words =
        List.of(
            "printf", "<%s>\\n", "a b", "", "it's", "$HOME", "*", "`x`", "\"q\"", "a\nb", "A=b",
            "#");
    Process shell =
        new ProcessBuilder("/bin/sh", "-c", ShellQuoting.join(words))
            .redirectErrorStream(true)
            .start();
    assertThat(new String(shell.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
        .isEqualTo("<a b>\n<>\n<it's>\n<$HOME>\n<*>\n<`x`>\n<\"q\">\n<a\nb>\n<A=b>\n<#>\n");
  }

  @Test
  void aFirstWordIsNoAssignment() {
    assertThat(ShellQuoting.join(List.of("A=b", "C=d"))).isEqualTo("'A=b' C=d");
  }

  @ParameterizedTest
  @CsvSource({"90m, PT90M", "1h30m, PT90M", "2d, PT48H", "45s, PT45S"})
  void spans(String text, Duration span) {
    assertThat(Spans.parse(text)).contains(span);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "90", "m", "-1m", "1.5h", "1 h", "0s", "1w"})
  void noSpans(String text) {
    assertThat(Spans.parse(text)).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "gpuNumber: must be 0 to 4, --gpus (gpuNumber): must be 0 to 4",
    "ckptVol and modelVol: do not fit, --ckpt (ckptVol) and --model (modelVol): do not fit",
    "a: b; name: too long, a: b; --name (name): too long",
    "the env of name: x, the env of name: x"
  })
  void fieldsAreNamedByTheirOptions(String message, String shown) {
    assertThat(FieldNames.withOptions(message)).isEqualTo(shown);
  }
}
