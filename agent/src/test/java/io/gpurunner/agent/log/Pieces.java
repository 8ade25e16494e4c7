package io.gpurunner.agent.log;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.gpurunner.agent.container.OutputPiece;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Writes and reads logs in tests. */
final class Pieces {
  static final Instant T = Instant.parse("2026-01-01T00:00:00Z");

  private Pieces() {}

  /** Returns a line of standard output that was printed so many milliseconds after {@link #T}. */
  static OutputPiece line(long millis, String text) {
    return new OutputPiece(
        T.plusMillis(millis), OutputPiece.Stream.STDOUT, (text + "\n").getBytes(UTF_8));
  }

  /** Returns the texts of all entries from a number on. */
  static List<String> texts(Path directory, long from) throws IOException {
    return entries(LogReader.from(directory, from, Optional.empty(), Optional.empty())).stream()
        .map(entry -> new String(entry.bytes(), UTF_8))
        .toList();
  }

  static List<String> texts(Path directory) throws IOException {
    return texts(directory, 0);
  }

  /** Returns what a reader finds until it has caught up. */
  static List<LogEntry> entries(LogReader reader) throws IOException {
    List<LogEntry> found = new ArrayList<>();
    LogReader.Batch batch = reader.read();
    found.addAll(batch.entries());
    while (batch.more()) {
      batch = reader.read();
      found.addAll(batch.entries());
    }
    return found;
  }

  /** Returns the texts of the last lines. */
  static List<String> last(int lines, Path directory) throws IOException {
    return texts(directory, LogReader.startOfLast(lines, directory, Optional.empty()));
  }
}
