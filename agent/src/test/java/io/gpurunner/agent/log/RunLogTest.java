package io.gpurunner.agent.log;

import static io.gpurunner.agent.log.Pieces.T;
import static io.gpurunner.agent.log.Pieces.line;
import static io.gpurunner.agent.log.Pieces.texts;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.container.OutputPiece;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class RunLogTest {
  /** Segments of a few lines. */
  private static final RunLogLimits SMALL = new RunLogLimits(200, 400, 600);

  @TempDir private Path folder;

  private Path directory() {
    return folder.resolve("run-1");
  }

  private RunLog open() throws IOException {
    return RunLog.open(directory(), RunLogLimits.USUAL);
  }

  @Test
  void whatIsAddedIsReadWithItsTimeAndStream() throws IOException {
    try (RunLog log = open()) {
      log.append(line(1, "a"));
      log.append(new OutputPiece(T.plusNanos(2_000_001), OutputPiece.Stream.STDERR, bytes("b")));
      assertThat(texts(directory())).isEmpty(); // it is not flushed yet
      log.flush();
      assertThat(log.end()).isEqualTo(2);
      List<LogEntry> entries =
          Pieces.entries(LogReader.from(directory(), 0, Optional.empty(), Optional.empty()));
      assertThat(entries).extracting(LogEntry::seq).containsExactly(0L, 1L);
      assertThat(entries).extracting(LogEntry::isStderr).containsExactly(false, true);
      assertThat(entries).extracting(LogEntry::isPartial).containsExactly(false, true);
      assertThat(entries.getLast().at()).isEqualTo(T.plusNanos(2_000_001));
      assertThat(entries.getLast().bytes()).isEqualTo(bytes("b"));
    }
  }

  /** An administrator reads the text with any tool, and nobody else can. */
  @Test
  void theTextIsAFileAsItWasPrintedForTheOwnerOnly() throws IOException {
    try (RunLog log = open()) {
      log.append(line(1, "loss 0.5"));
      log.append(new OutputPiece(T, OutputPiece.Stream.STDERR, bytes("half")));
      log.gap(T, LogGap.ENGINE);
      log.append(line(2, "loss 0.1"));
      log.seal(T);
    }
    Path text = directory().resolve("000000000000.log");
    assertThat(text).content().isEqualTo("loss 0.5\nhalf\n" + LogGap.ENGINE.line() + "loss 0.1\n");
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(text)))
        .isEqualTo("rw-------");
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(directory())))
        .isEqualTo("rwx------");
  }

  @Test
  void aCompleteLogTakesNothingMoreAndStaysComplete() throws IOException {
    try (RunLog log = open()) {
      log.append(line(1, "a"));
      log.seal(T);
      log.seal(T);
      assertThatThrownBy(() -> log.append(line(2, "b"))).isInstanceOf(IOException.class);
    }
    try (RunLog log = open()) {
      assertThat(log.isSealed()).isTrue();
    }
    LogReader reader = LogReader.from(directory(), 0, Optional.empty(), Optional.empty());
    assertThat(Pieces.entries(reader)).hasSize(1);
    assertThat(reader.isAtEnd()).isTrue();
  }

  /** A crash leaves any beginning of either file, and bytes of an earlier life behind it. */
  @Test
  void whereverTheFilesAreCutTheLogGoesOnAfterItsLastWholeRecord() throws IOException {
    try (RunLog log = open()) {
      IntStream.range(0, 5).forEach(number -> add(log, number));
      log.sync();
    }
    Path text = directory().resolve("000000000000.log");
    Path index = directory().resolve("000000000000.idx");
    byte[] wholeText = Files.readAllBytes(text);
    byte[] wholeIndex = Files.readAllBytes(index);
    for (int textBytes = 0; textBytes <= wholeText.length; textBytes++) {
      for (int indexBytes = 0; indexBytes <= wholeIndex.length; indexBytes += 16) {
        Files.write(text, java.util.Arrays.copyOf(wholeText, textBytes));
        Files.write(index, java.util.Arrays.copyOf(wholeIndex, indexBytes));
        int whole = Math.min(textBytes / "line 0\n".length(), indexBytes / LogRecord.BYTES);
        try (RunLog log = open()) {
          assertThat(log.end()).isEqualTo(whole);
          log.append(line(9, "more"));
        }
        List<String> expected = new ArrayList<>();
        IntStream.range(0, whole).forEach(number -> expected.add("line " + number + "\n"));
        expected.add("more\n");
        assertThat(texts(directory())).isEqualTo(expected);
      }
    }
  }

  private static void add(RunLog log, int number) {
    try {
      log.append(line(number, "line " + number));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void aRecordWhoseBytesWereDamagedIsNotWhole() throws IOException {
    try (RunLog log = open()) {
      IntStream.range(0, 3).forEach(number -> add(log, number));
    }
    try (FileChannel text =
        FileChannel.open(directory().resolve("000000000000.log"), StandardOpenOption.WRITE)) {
      text.write(ByteBuffer.wrap(bytes("X")), "line 0\nline".length());
    }
    try (RunLog log = open()) {
      assertThat(log.end()).isEqualTo(1);
    }
  }

  @Test
  void ofALongLogTheBeginningAndTheEndAreKept() throws IOException {
    try (RunLog log = RunLog.open(directory(), SMALL)) {
      IntStream.range(100, 400).forEach(number -> add(log, number));
      log.flush();
    }
    List<String> kept = texts(directory());
    int gap = IntStream.range(0, kept.size()).filter(at -> kept.get(at).contains("[")).sum();
    assertThat(kept.get(gap))
        .matches(
            "\\[gpurunner: \\d+ lines or parts of lines were removed here, because the log had"
                + " become too long\\]\n");
    assertThat(kept.subList(0, gap)).isEqualTo(lines(100, 100 + gap));
    assertThat(kept.subList(gap + 1, kept.size()))
        .isEqualTo(lines(400 - (kept.size() - gap - 1), 400));
    try (Stream<Path> files = Files.list(directory())) {
      long bytes = files.mapToLong(RunLogTest::size).sum();
      assertThat(bytes).isBetween(1000L, 1000L + 3 * 250);
    }
  }

  /** A hole that grows is one gap, also for the next agent. */
  @Test
  void whatALogTakesAndLosesIsCounted() throws IOException {
    LogTally tally = new LogTally();
    for (int life = 0; life < 30; life++) {
      try (RunLog log = RunLog.open(directory(), SMALL, tally)) {
        int begin = 100 + 10 * life;
        IntStream.range(begin, begin + 10).forEach(number -> add(log, number));
      }
    }
    try (RunLog log = RunLog.open(directory(), SMALL, tally)) {
      log.gap(T, LogGap.ENGINE);
      log.gap(T, LogGap.ENGINE);
    }
    long lines = 300L * "line 100\n".length();
    assertThat(tally.writtenBytes()).isEqualTo(lines);
    assertThat(tally.gaps(LogGap.LENGTH)).isEqualTo(1);
    assertThat(tally.gaps(LogGap.ENGINE)).isEqualTo(2);
    assertThat(tally.gaps(LogGap.CONTAINER)).isZero();
    long kept =
        texts(directory()).stream()
            .filter(text -> !text.startsWith("["))
            .mapToLong(String::length)
            .sum();
    assertThat(tally.droppedBytes()).isPositive().isEqualTo(lines - kept);
  }

  private static long size(Path file) {
    try {
      return Files.size(file);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static List<String> lines(int from, int to) {
    return IntStream.range(from, to).mapToObj(number -> "line " + number + "\n").toList();
  }

  @Test
  void aLongLogGoesOnAfterARestart() throws IOException {
    for (int life = 0; life < 30; life++) {
      try (RunLog log = RunLog.open(directory(), SMALL)) {
        int begin = 100 + 10 * life;
        IntStream.range(begin, begin + 10).forEach(number -> add(log, number));
      }
    }
    assertThat(texts(directory())).endsWith(lines(390, 400).toArray(String[]::new));
    assertThat(Pieces.last(3, directory())).isEqualTo(lines(397, 400));
  }

  @Test
  void aSegmentOfWhichAPowerCutKeptOneFileIsNoObstacle() throws IOException {
    try (RunLog log = RunLog.open(directory(), SMALL)) {
      IntStream.range(100, 110).forEach(number -> add(log, number));
    }
    List<LogSegment> segments = LogSegment.in(directory());
    Files.delete(segments.getLast().text());
    try (RunLog log = RunLog.open(directory(), SMALL)) {
      assertThat(log.end()).isEqualTo(segments.getLast().first());
      log.append(line(1, "more"));
    }
    assertThat(texts(directory())).endsWith("more\n");
  }

  /** A crash while a segment is removed leaves one of its files, whichever it is. */
  @Test
  void aSegmentOfWhichACrashLeftOneFileIsNoObstacleForReaders() throws IOException {
    try (RunLog log = RunLog.open(directory(), SMALL)) {
      IntStream.range(100, 130).forEach(number -> add(log, number));
    }
    List<LogSegment> segments = LogSegment.in(directory());
    Files.delete(segments.get(1).text());
    Files.delete(segments.get(3).index());
    assertThat(texts(directory()))
        .startsWith("line 100\n")
        .endsWith("line 129\n")
        .filteredOn(line -> line.startsWith("["))
        .hasSize(2);
    assertThat(Pieces.last(1, directory())).containsExactly("line 129\n");
    RunLog.open(directory(), SMALL).close();
    assertThat(segments.get(1).index()).doesNotExist();
    assertThat(segments.get(3).text()).doesNotExist();
  }

  @Test
  void equalPiecesAreAllAmongTheLastOnesThoughTheirSegmentsWereRemoved() throws IOException {
    try (RunLog log = RunLog.open(directory(), SMALL)) {
      log.append(line(1, "a"));
      repeat(log, 300);
    }
    try (RunLog log = RunLog.open(directory(), SMALL)) {
      repeat(log, 10);
      assertThat(log.lastOutput(5)).hasSize(310);
      log.append(line(3, "c"));
      repeat(log, 2);
      assertThat(log.lastOutput(1)).hasSize(2);
      assertThat(log.lastOutput(4)).hasSize(313);
    }
  }

  /** A job can print one line without end. */
  @Test
  void equalPiecesWithoutEndTakeBoundedMemory() throws IOException {
    try (RunLog log = RunLog.open(directory(), new RunLogLimits(100_000, 200_000, 400_000))) {
      repeat(log, RunLogLimits.MOST_EQUAL + 5);
      assertThat(log.lastOutput(5)).hasSize(RunLogLimits.MOST_EQUAL);
    }
  }

  @Test
  void aLineThatComesAloneIsWrittenAtOnce() throws IOException {
    try (RunLog log = open()) {
      log.flushIfFree(); // writes nothing
      log.append(line(1, "a"));
      log.flushUnlessJustDone();
      assertThat(log.end()).isEqualTo(1);
    }
  }

  private static void repeat(RunLog log, int count) throws IOException {
    for (int number = 0; number < count; number++) {
      log.append(line(2, "b"));
    }
  }

  @Test
  void theLastPiecesGoBackToAPieceWithAnotherTime() throws IOException {
    try (RunLog log = open()) {
      log.append(line(1, "a"));
      log.append(line(2, "b"));
      log.append(line(2, "b"));
      log.append(line(2, "b"));
      log.append(line(3, "c"));
      assertThat(log.lastOutput(1)).hasSize(1);
      assertThat(log.lastOutput(2)).hasSize(4);
      assertThat(log.lastOutput(100)).hasSize(5);
      log.gap(T, LogGap.ENGINE);
      assertThat(log.lastOutput(1)).hasSize(1); // all that it has is from before the gap
      log.append(line(4, "d"));
      assertThat(log.lastOutput(100)).hasSize(1);
    }
  }

  @Test
  void aPieceThatIsLongerThanTheBufferIsKept() throws IOException {
    byte[] bytes = new byte[300_000];
    bytes[299_999] = '\n';
    try (RunLog log = open()) {
      log.append(line(1, "a"));
      log.append(new OutputPiece(T, OutputPiece.Stream.STDOUT, bytes));
      log.append(line(2, "b"));
      log.flush();
    }
    assertThat(texts(directory())).extracting(String::length).containsExactly(2, 300_000, 2);
  }

  private static byte[] bytes(String text) {
    return text.getBytes(UTF_8);
  }
}
