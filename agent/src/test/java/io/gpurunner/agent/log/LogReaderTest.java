package io.gpurunner.agent.log;

import static io.gpurunner.agent.log.Pieces.T;
import static io.gpurunner.agent.log.Pieces.line;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.OutputPiece;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class LogReaderTest {
  @TempDir private Path directory;

  @BeforeEach
  void write() throws IOException {
    try (RunLog log = RunLog.open(directory, RunLogLimits.USUAL)) {
      log.append(line(1, "out 1"));
      log.append(error(2, "err 1\n"));
      log.append(error(3, "err 2, "));
      log.append(error(3, "in two parts\n"));
      log.append(line(4, "out 2"));
      log.append(error(5, "err 3, not ended"));
    }
  }

  private static OutputPiece error(long millis, String text) {
    return new OutputPiece(T.plusMillis(millis), OutputPiece.Stream.STDERR, text.getBytes(UTF_8));
  }

  private List<String> read(long from, Optional<Integer> sinceMillis, Optional<Boolean> stderr)
      throws IOException {
    return Pieces.entries(LogReader.from(directory, from, sinceMillis.map(T::plusMillis), stderr))
        .stream()
        .map(entry -> new String(entry.bytes(), UTF_8))
        .toList();
  }

  @Test
  void aReadingBeginsAtANumber() throws IOException {
    assertThat(read(4, Optional.empty(), Optional.empty()))
        .containsExactly("out 2\n", "err 3, not ended");
    assertThat(read(6, Optional.empty(), Optional.empty())).isEmpty();
    assertThat(read(1000, Optional.empty(), Optional.empty())).isEmpty();
  }

  @Test
  void oneStreamIsRead() throws IOException {
    assertThat(read(0, Optional.empty(), Optional.of(false))).containsExactly("out 1\n", "out 2\n");
    assertThat(read(0, Optional.empty(), Optional.of(true))).hasSize(4);
  }

  @Test
  void whatIsOlderIsLeftOut() throws IOException {
    assertThat(read(0, Optional.of(4), Optional.empty()))
        .containsExactly("out 2\n", "err 3, not ended");
  }

  @Test
  void theLastLinesAreCountedWholeAndByStream() throws IOException {
    assertThat(Pieces.last(0, directory)).isEmpty();
    assertThat(Pieces.last(1, directory)).containsExactly("err 3, not ended");
    assertThat(Pieces.last(2, directory)).containsExactly("out 2\n", "err 3, not ended");
    assertThat(Pieces.last(3, directory))
        .containsExactly("err 2, ", "in two parts\n", "out 2\n", "err 3, not ended");
    assertThat(Pieces.last(100, directory)).hasSize(6);
    assertThat(LogReader.startOfLast(1, directory, Optional.of(false))).isEqualTo(4);
  }

  @Test
  void aReaderFollowsTheWriter() throws IOException {
    LogReader reader = LogReader.from(directory, 5, Optional.empty(), Optional.empty());
    assertThat(Pieces.entries(reader)).hasSize(1);
    assertThat(Pieces.entries(reader)).isEmpty();
    try (RunLog log = RunLog.open(directory, RunLogLimits.USUAL)) {
      log.append(line(6, "more"));
      log.flush();
      assertThat(Pieces.entries(reader)).hasSize(1);
      assertThat(reader.isAtEnd()).isFalse();
      log.seal(T);
      assertThat(Pieces.entries(reader)).isEmpty();
      assertThat(reader.isAtEnd()).isTrue();
    }
  }

  @Test
  void aDirectoryThatIsNotThereIsEmpty() throws IOException {
    Path absent = directory.resolve("absent");
    assertThat(Pieces.texts(absent)).isEmpty();
    assertThat(Pieces.last(5, absent)).isEmpty();
  }

  @Test
  void aCallReadsABoundedPart() throws IOException {
    Path other = directory.resolve("other");
    try (RunLog log = RunLog.open(other, RunLogLimits.USUAL)) {
      for (int number = 0; number < 100; number++) {
        log.append(line(number, "x".repeat(16_000)));
      }
    }
    LogReader reader = LogReader.from(other, 0, Optional.empty(), Optional.empty());
    assertThat(reader.read().entries()).hasSize(LogReader.MOST_BYTES / 16_001);
    assertThat(Pieces.entries(reader)).hasSize(100 - LogReader.MOST_BYTES / 16_001);
  }
}
