package io.gpurunner.agent.log;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A segment of a log: {@code <first number>.log} has the text as it was printed, and {@code <first
 * number>.idx} has a {@link LogRecord} for each piece. The text is written before its records, so a
 * record whose text is missing was not written whole. Immutable.
 *
 * @param first the number of its first record
 */
record LogSegment(Path directory, long first) {
  private static final Pattern NAME = Pattern.compile("([0-9]{1,18})\\.(idx|log)");
  private static final int NUMBER_DIGITS = 12;

  /** The number of files of a segment. */
  private static final int FILES = 2;

  /**
   * Returns the segments in a directory, in order. There are none if there is no directory. A crash
   * can leave one file of a segment, which is no segment then.
   */
  static List<LogSegment> in(Path directory) throws IOException {
    return files(directory).entrySet().stream()
        .filter(numbered -> numbered.getValue() == FILES)
        .map(numbered -> new LogSegment(directory, numbered.getKey()))
        .toList();
  }

  /** Removes each file whose segment has lost the other one. */
  static void removeHalves(Path directory) throws IOException {
    for (Map.Entry<Long, Integer> numbered : files(directory).entrySet()) {
      if (numbered.getValue() < FILES) {
        new LogSegment(directory, numbered.getKey()).delete();
      }
    }
  }

  /** Returns how many files there are of each segment, in the order of the segments. */
  private static SortedMap<Long, Integer> files(Path directory) throws IOException {
    SortedMap<Long, Integer> found = new TreeMap<>();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(directory)) {
      for (Path file : files) {
        Matcher name = NAME.matcher(file.getFileName().toString());
        if (name.matches()) {
          found.merge(Long.parseLong(name.group(1)), 1, Integer::sum);
        }
      }
    } catch (NoSuchFileException none) {
      return new TreeMap<>();
    } catch (DirectoryIteratorException unreadable) {
      throw unreadable.getCause();
    }
    return found;
  }

  Path text() {
    return file(".log");
  }

  Path index() {
    return file(".idx");
  }

  private Path file(String suffix) {
    String number = Long.toString(first);
    return directory.resolve(
        "0".repeat(Math.max(0, NUMBER_DIGITS - number.length())) + number + suffix);
  }

  /** Reads all records. There are none if the segment was removed meanwhile. */
  List<LogRecord> records() throws IOException {
    try {
      return records(first, Integer.MAX_VALUE);
    } catch (NoSuchFileException removed) {
      return List.of();
    }
  }

  /**
   * Reads records from a number on. It ends before the first record that is not there whole.
   *
   * @param limit the most records to read
   */
  List<LogRecord> records(long from, int limit) throws IOException {
    List<LogRecord> found = new ArrayList<>();
    try (FileChannel index = FileChannel.open(index(), StandardOpenOption.READ)) {
      long there = Math.min(index.size() / LogRecord.BYTES - (from - first), limit);
      if (there <= 0) {
        return found;
      }
      long position = (from - first) * LogRecord.BYTES;
      ByteBuffer bytes = ByteBuffer.allocate(Math.toIntExact(there * LogRecord.BYTES));
      while (bytes.hasRemaining() && index.read(bytes, position + bytes.position()) > 0) {
        // One read may bring a part of it.
      }
      bytes.flip();
      for (long seq = from; bytes.remaining() >= LogRecord.BYTES; seq++) {
        Optional<LogRecord> record = LogRecord.read(bytes, seq);
        if (record.isEmpty()) {
          break;
        }
        found.add(record.get());
      }
    }
    return found;
  }

  /** Removes the files. A reader that meets one of them looks again, and finds no segment. */
  void delete() throws IOException {
    Files.deleteIfExists(index());
    Files.deleteIfExists(text());
  }
}
