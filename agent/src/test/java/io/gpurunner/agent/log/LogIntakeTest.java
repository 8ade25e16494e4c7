package io.gpurunner.agent.log;

import static io.gpurunner.agent.log.Pieces.T;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerRef;
import io.gpurunner.agent.container.FakeContainerOutput;
import io.gpurunner.agent.container.OutputPiece;
import io.gpurunner.api.JobId;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** All that the engine keeps is in the log once and in order, whatever the log had before. */
final class LogIntakeTest {
  private static final String GAP =
      "[gpurunner: some output is missing here: the engine dropped it before the agent could copy"
          + " it]\n";

  private static final String BROKEN =
      "[gpurunner: a line or a part of one is missing here: the engine came down while it wrote"
          + " it]\n";

  @TempDir private Path directory;

  private final FakeContainerOutput engine = new FakeContainerOutput();
  private final ContainerName name = new ContainerName(JobId.random(), 1);
  private RunLog log;

  @BeforeEach
  void open() throws IOException {
    log = RunLog.open(directory, RunLogLimits.USUAL);
  }

  @AfterEach
  void close() throws IOException {
    log.close();
  }

  private LogIntake intake() {
    return new LogIntake(engine, ContainerRef.unrecorded(name), log, new OpenReading());
  }

  private void print(int from, int to) {
    IntStream.range(from, to).forEach(number -> engine.print(name, number + "\n"));
  }

  private static List<String> numbers(int from, int to) {
    return IntStream.range(from, to).mapToObj(number -> number + "\n").toList();
  }

  @Test
  void whatWasPrintedMeanwhileIsAddedOnce() throws IOException {
    print(0, 5);
    intake().catchUp();
    intake().catchUp();
    print(5, 3000);
    intake().catchUp();
    intake().catchUp();
    assertThat(Pieces.texts(directory)).isEqualTo(numbers(0, 3000));
  }

  @Test
  void nothingPrintedIsNothingAdded() throws IOException {
    engine.place(name, "/x", "");
    intake().catchUp();
    assertThat(Pieces.texts(directory)).isEmpty();
    assertThat(intake().isUpToDate()).isTrue();
  }

  /** Whatever was copied before, and however long each part is. */
  @ParameterizedTest
  @CsvSource({"0, 0, 1", "0, 0, 3000", "1, 0, 1", "7, 7, 8", "5000, 2, 9", "5000, 5000, 20000"})
  void whatIsBehindARecordInPartIsAddedBehindAGap(int before, int copied, int behind)
      throws IOException {
    engine.place(name, "/x", "");
    print(0, copied);
    intake().catchUp();
    print(copied, before);
    engine.breakRecord(name);
    print(before, before + behind);
    engine.end(name);
    intake().complete();
    intake().complete();
    List<String> all = new ArrayList<>(numbers(0, before));
    all.add(BROKEN);
    all.addAll(numbers(before, before + behind));
    assertThat(Pieces.texts(directory)).isEqualTo(all);
  }

  /** The agent came down while it added this part. */
  @ParameterizedTest
  @ValueSource(ints = {1, 20, 3000})
  void theRestBehindARecordInPartIsAddedOnce(int added) throws IOException {
    print(0, 50);
    intake().catchUp();
    engine.breakRecord(name);
    print(50, 50 + added);
    intake().complete();
    print(50 + added, 4000);
    engine.end(name);
    intake().complete();
    List<String> all = new ArrayList<>(numbers(0, 50));
    all.add(BROKEN);
    all.addAll(numbers(50, 4000));
    assertThat(Pieces.texts(directory)).isEqualTo(all);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 900, 5000})
  void aWholeOutputIsCompletedWithoutAGap(int copied) throws IOException {
    engine.place(name, "/x", "");
    print(0, copied);
    intake().catchUp();
    print(copied, 5000);
    engine.end(name);
    intake().complete();
    assertThat(Pieces.texts(directory)).isEqualTo(numbers(0, 5000));
  }

  /** The parts of a long line have the same time, and may have the same bytes. */
  @Test
  void equalPartsOfALongLineAreCounted() throws IOException {
    part(40);
    intake().catchUp();
    part(24);
    intake().catchUp();
    assertThat(Pieces.texts(directory)).hasSize(64);
    part(2000);
    intake().catchUp();
    part(1);
    intake().catchUp();
    assertThat(Pieces.texts(directory)).hasSize(2065);
  }

  private void part(int count) {
    for (int number = 0; number < count; number++) {
      engine.printAt(name, T, OutputPiece.Stream.STDOUT, "x".getBytes(UTF_8));
    }
  }

  /** A line can have more equal parts than are compared, and more than the log keeps. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void moreEqualPartsThanAreComparedAreCounted(boolean other) throws IOException {
    RunLogLimits small = new RunLogLimits(16 << 10, 32 << 10, 64 << 10);
    if (other) {
      print(0, 1);
    }
    log.close();
    log = RunLog.open(directory, small);
    part(RunLogLimits.MOST_COMPARED + 1000);
    intake().catchUp();
    intake().catchUp();
    log.close();
    log = RunLog.open(directory, small);
    part(50);
    intake().catchUp();
    part(50);
    engine.end(name);
    intake().follow(() -> {});
    intake().catchUp();
    int printed = RunLogLimits.MOST_COMPARED + 1100 + (other ? 1 : 0);
    assertThat(log.end()).isEqualTo(printed);
    assertThat(Pieces.texts(directory)).hasSizeLessThan(printed); // its middle was dropped
  }

  @Test
  void whatTheEngineForgotIsAGapAndIsNotedOnce() throws IOException {
    print(0, 10);
    intake().catchUp();
    print(10, 30);
    engine.drop(name, 20);
    intake().catchUp();
    intake().catchUp();
    List<String> expected = new ArrayList<>(numbers(0, 10));
    expected.add(GAP);
    expected.addAll(numbers(20, 30));
    assertThat(Pieces.texts(directory)).isEqualTo(expected);
    print(30, 40);
    intake().catchUp();
    expected.addAll(numbers(30, 40));
    assertThat(Pieces.texts(directory)).isEqualTo(expected);
  }

  @Test
  void whatTheEngineForgotOfWhatTheLogHasIsNoGap() throws IOException {
    print(0, 10);
    intake().catchUp();
    print(10, 12);
    engine.drop(name, 7);
    intake().catchUp();
    assertThat(Pieces.texts(directory)).isEqualTo(numbers(0, 12));
    engine.drop(name, 5); // now all
    intake().catchUp();
    assertThat(Pieces.texts(directory)).isEqualTo(numbers(0, 12));
  }

  @Test
  void aClockThatIsSetBackLosesAndRepeatsNothing() throws IOException {
    for (int number = 0; number < 50; number++) {
      at(number % 10, number);
      if (number % 7 == 0) {
        intake().catchUp();
      }
    }
    intake().catchUp();
    assertThat(Pieces.texts(directory)).isEqualTo(numbers(0, 50));
  }

  private void at(long second, int number) {
    Instant at = T.plusSeconds(second);
    engine.printAt(name, at, OutputPiece.Stream.STDOUT, (number + "\n").getBytes(UTF_8));
  }

  /** After a power cut, the log can have more than the engine has on its disk. */
  @Test
  void anEngineThatHasLessAddsNothing() throws IOException {
    print(0, 10);
    intake().catchUp();
    engine.forget(name);
    FakeContainerOutput after = new FakeContainerOutput();
    IntStream.range(0, 6).forEach(number -> after.print(name, number + "\n"));
    new LogIntake(after, ContainerRef.unrecorded(name), log, new OpenReading()).catchUp();
    assertThat(Pieces.texts(directory)).isEqualTo(numbers(0, 10));
  }

  @Test
  void followingAddsWhatIsPrintedAndStopsWhereItIsNotSure() throws IOException {
    print(0, 3);
    intake().catchUp();
    print(3, 6);
    engine.end(name);
    intake().follow(() -> {});
    assertThat(Pieces.texts(directory)).isEqualTo(numbers(0, 6));
    engine.drop(name, 6); // what the log ends with is gone
    print(6, 9);
    intake().follow(() -> {});
    assertThat(Pieces.texts(directory)).isEqualTo(numbers(0, 6));
    assertThat(intake().isUpToDate()).isFalse();
  }

  /**
   * So much is printed between the two that a part of the output does not reach back far enough.
   */
  @Test
  void followingAfterABurstEndsAndTakesNothing() throws IOException {
    print(0, 10);
    intake().catchUp();
    print(10, 10 + 3 * LogIntake.COMPARED);
    List<String> took = new ArrayList<>();
    intake().follow(() -> took.add("took"));
    assertThat(took).isEmpty();
    assertThat(Pieces.texts(directory)).isEqualTo(numbers(0, 10));
    intake().catchUp();
    engine.end(name);
    intake().follow(() -> {});
    assertThat(Pieces.texts(directory)).isEqualTo(numbers(0, 10 + 3 * LogIntake.COMPARED));
  }

  @Test
  void anEngineThatHasMoreIsNoticed() throws IOException {
    print(0, 3);
    assertThat(intake().isUpToDate()).isFalse();
    intake().catchUp();
    assertThat(intake().isUpToDate()).isTrue();
    print(3, 4);
    assertThat(intake().isUpToDate()).isFalse();
  }

  /**
   * Few different lines, equal times, clocks that go back, an engine that forgets, and an agent
   * that loses the end of its log: what is in the log is what was printed, except for gaps.
   */
  @RepeatedTest(100)
  void whateverHappensNothingIsTwiceAndNothingKeptIsLost(RepetitionInfo info) throws IOException {
    Random random = new Random(info.getCurrentRepetition());
    List<String> printed = new ArrayList<>();
    int dropped = 0;
    int copied = 0;
    boolean gap = false;
    for (int round = 0; round < 40; round++) {
      for (int count = random.nextInt(30); count > 0; count--) {
        // The number makes a line twice visible; the time may be the same or earlier.
        String text = printed.size() + "\n";
        printed.add(text);
        engine.printAt(
            name,
            T.plusMillis(printed.size() / 3 - (random.nextInt(10) == 0 ? 2 : 0)),
            OutputPiece.Stream.STDOUT,
            text.getBytes(UTF_8));
      }
      if (random.nextInt(5) == 0 && dropped < printed.size()) {
        int more = random.nextInt(printed.size() - dropped);
        engine.drop(name, more);
        dropped += more;
      }
      if (printed.isEmpty()) {
        continue;
      }
      gap |= dropped > copied;
      intake().catchUp();
      copied = printed.size();
      List<String> kept =
          Pieces.texts(directory).stream().filter(line -> !line.startsWith("[")).toList();
      assertThat(kept).doesNotHaveDuplicates().isSubsetOf(printed);
      assertThat(kept.getLast()).isEqualTo(printed.getLast());
      assertThat(kept.stream().map(line -> Integer.parseInt(line.strip())).toList()).isSorted();
      if (!gap) {
        assertThat(kept).isEqualTo(printed);
      }
    }
  }
}
