package io.gpurunner.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class KeyFileTest {
  @TempDir Path directory;

  private Path file(String text) throws IOException {
    return Files.writeString(directory.resolve("key"), text);
  }

  @Test
  void aLineIsAllBytesButItsEnd() throws Exception {
    assertThat(KeyFile.line(file("k é \r\n\n"))).contains("k é ".getBytes(StandardCharsets.UTF_8));
    assertThat(KeyFile.line(file("k"))).contains(new byte[] {'k'});
    assertThat(KeyFile.line(file(""))).contains(new byte[0]);
  }

  @Test
  void aFileLongerThanAKeyIsRefused() throws Exception {
    assertThat(KeyFile.word(file("k".repeat(KeyFile.MAX_BYTES - 1) + "\n"))).isPresent();
    assertThat(KeyFile.word(file("k".repeat(KeyFile.MAX_BYTES) + "\n"))).isEmpty();
    assertThat(KeyFile.line(file("k" + "\n".repeat(KeyFile.MAX_BYTES)))).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"AKIA+/=~!", "AKIA+/=~!\n", " \tAKIA+/=~! \r\n"})
  void aWordIsWhatStandsBetweenBlanks(String text) throws Exception {
    assertThat(KeyFile.word(file(text))).contains("AKIA+/=~!");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "\n", "one two", "one\ntwo\n", "schlüssel", "a\u007f", "a\u0000"})
  void anythingElseIsNoWord(String text) throws Exception {
    assertThat(KeyFile.word(file(text))).isEmpty();
  }

  @Test
  void aFileThatCannotBeReadIsAnError() {
    assertThatThrownBy(() -> KeyFile.word(directory.resolve("absent")))
        .isInstanceOf(NoSuchFileException.class);
    assertThatThrownBy(() -> KeyFile.line(directory)).isInstanceOf(IOException.class);
  }
}
