package io.gpurunner.agent.cli.top;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

final class KeyReaderTest {
  private final KeyReader reader = new KeyReader();

  private List<Key> read(String text) {
    return reader.read(text.getBytes(UTF_8));
  }

  @Test
  void whatIsPastedIsDropped() {
    assertThat(read("j\u001b[200~agency\r\u001b[Ak\u001b[201~s\u001b[200~cy\u001b[201~"))
        .containsExactly(Key.of("j"), Key.of("s"));
    assertThat(reader.isWaiting()).isFalse();
  }

  @Test
  void aPasteMayComeInAnyNumberOfReads() {
    List<Key> keys = new ArrayList<>();
    for (char character : "j\u001b[200~agen\u001b[20cy\u001b[201~k".toCharArray()) {
      keys.addAll(read(String.valueOf(character)));
    }

    assertThat(keys).containsExactly(Key.of("j"), Key.of("k"));
  }

  @Test
  void theRestOfASequenceMayComeInTheNextRead() {
    assertThat(read("j\u001b")).containsExactly(Key.of("j"));
    assertThat(reader.isWaiting()).isTrue();
    assertThat(read("[A")).containsExactly(Key.of(Key.Kind.UP));
    assertThat(reader.isWaiting()).isFalse();
  }

  @Test
  void anEscapeAfterWhichNothingComesIsAKey() {
    assertThat(read("\u001b")).isEmpty();
    assertThat(reader.give()).containsExactly(Key.of(Key.Kind.ESCAPE));
    assertThat(reader.isWaiting()).isFalse();
    assertThat(read("q")).containsExactly(Key.of("q"));
  }
}
