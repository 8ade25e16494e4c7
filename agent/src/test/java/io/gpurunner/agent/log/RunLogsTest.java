package io.gpurunner.agent.log;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerRef;
import io.gpurunner.agent.container.FakeContainerOutput;
import io.gpurunner.api.JobId;
import io.gpurunner.storage.FileWork;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class RunLogsTest {
  private static final Duration PATIENCE = Duration.ofMinutes(1);

  @TempDir private Path folder;

  private final FakeContainerOutput engine = new FakeContainerOutput();
  private final ContainerRef container =
      ContainerRef.unrecorded(new ContainerName(JobId.random(), 1));
  private final FileWork files = new FileWork();
  private RunLogs logs;

  @BeforeEach
  void open() {
    logs = new RunLogs(engine, files, Clock.systemUTC());
  }

  @AfterEach
  void close() {
    logs.close();
    files.close();
  }

  private Path directory() {
    return folder.resolve("run-1");
  }

  private List<String> texts() throws IOException {
    return Pieces.texts(directory());
  }

  private void awaitTexts(String... texts) {
    await().untilAsserted(() -> assertThat(texts()).containsExactly(texts));
  }

  @Test
  void whatIsPrintedIsCopiedWhileTheContainerRunsAndCompletedAfterIt() throws IOException {
    engine.print(container.name(), "1\n");
    logs.follow(container, directory());
    logs.follow(container, directory());
    awaitTexts("1\n");
    engine.print(container.name(), "2\n");
    awaitTexts("1\n", "2\n");
    assertThat(logs.endOf(directory())).hasValue(2);
    engine.print(container.name(), "the end");
    engine.end(container.name());
    logs.finish(container, directory(), PATIENCE);
    logs.finish(container, directory(), PATIENCE);
    assertThat(texts()).containsExactly("1\n", "2\n", "the end");
    assertThat(logs.endOf(directory()))
        .hasValue(4); // clients see the end before the job's next step
    logs.abandon(container, directory());
    assertThat(texts()).containsExactly("1\n", "2\n", "the end");
    assertThat(logs.endOf(directory())).isEmpty();
    try (RunLog log = RunLog.open(directory(), RunLogLimits.USUAL)) {
      assertThat(log.isSealed()).isTrue();
    }
  }

  @Test
  void aNewAgentGoesOnWhereTheLastOneStopped() throws IOException {
    engine.print(container.name(), "1\n");
    logs.follow(container, directory());
    awaitTexts("1\n");
    logs.close();
    engine.print(container.name(), "2\n");
    open();
    logs.follow(container, directory());
    awaitTexts("1\n", "2\n");
  }

  @Test
  void whatTheEngineSendsAndWhatIsAddedIsCounted() {
    engine.print(container.name(), "1\n");
    engine.print(container.name(), "2\n");
    engine.end(container.name());
    logs.finish(container, directory(), PATIENCE);
    assertThat(logs.tally().writtenBytes()).isEqualTo(4);
    assertThat(logs.tally().receivedBytes()).isEqualTo(6); // the last line was asked for again
    logs.finish(container, directory(), PATIENCE);
    assertThat(logs.tally().writtenBytes()).isEqualTo(4);
  }

  @Test
  void aReadingThatTheEngineEndsIsOpenedAgain() {
    engine.print(container.name(), "1\n");
    logs.follow(container, directory());
    awaitTexts("1\n");
    engine.interrupt(container.name());
    engine.print(container.name(), "2\n");
    awaitTexts("1\n", "2\n");
  }

  /** What a follower missed is read at once, and not after the pause before the next follower. */
  @Test
  void aLastPieceThatTheFollowerMissedComesAsSoonAsItHasEnded() {
    engine.print(container.name(), "1\n");
    logs.follow(container, directory());
    awaitTexts("1\n");
    engine.endAfter(container.name(), "the end");
    awaitTexts("1\n", "the end");
    assertThat(engine.asked()).startsWith(false, true, false);
    await().until(() -> engine.asked().stream().filter(follows -> follows).count() > 1);
    assertThat(engine.asked()).startsWith(false, true, false, false, true);
  }

  /** The engine's answer does not even begin. */
  @Test
  void aReadingThatIsNotAnsweredHoldsUpNoStop() {
    engine.print(container.name(), "1\n");
    engine.holdHeads();
    logs.follow(container, directory());
    await().until(() -> Files.isDirectory(directory()));
    logs.close();
    open();
    engine.recover();
    logs.follow(container, directory());
    awaitTexts("1\n");
    engine.holdHeads();
    engine.interrupt(container.name());
    await().until(() -> engine.waiting() > 0);
    logs.close();
    open();
  }

  @Test
  void theRestIsReadForALimitedTimeAndInFullLater() throws IOException {
    engine.print(container.name(), "1\n");
    engine.end(container.name());
    engine.holdHeads();
    assertThatThrownBy(() -> logs.finish(container, directory(), Duration.ofMillis(100)))
        .isInstanceOfSatisfying(
            ContainerException.class, e -> assertThat(e.kind()).isEqualTo(Kind.FAILED))
        .hasMessageContaining("it took longer than ");
    engine.recover();
    logs.finish(container, directory(), PATIENCE);
    assertThat(texts()).containsExactly("1\n");
  }

  @Test
  void anEngineThatFailsIsAskedAgain() {
    engine.print(container.name(), "1\n");
    engine.failAlways(Kind.UNREACHABLE);
    logs.follow(container, directory());
    assertThatThrownBy(() -> logs.finish(container, directory(), PATIENCE))
        .isInstanceOf(ContainerException.class);
    engine.recover();
    logs.finish(container, directory(), PATIENCE);
    awaitTexts("1\n");
  }

  @Test
  void aRunWithoutAFollowerIsCompletedToo() throws IOException {
    engine.print(container.name(), "1\n");
    engine.end(container.name());
    logs.finish(container, directory(), PATIENCE);
    assertThat(texts()).containsExactly("1\n");
  }

  @Test
  void aContainerThatIsGoneLeavesWhatWasCopied() throws IOException {
    engine.print(container.name(), "1\n");
    logs.follow(container, directory());
    awaitTexts("1\n");
    engine.forget(container.name());
    logs.abandon(container, directory());
    logs.abandon(container, directory());
    assertThat(logs.tally().gaps(LogGap.CONTAINER)).isEqualTo(1);
    assertThat(texts())
        .containsExactly(
            "1\n",
            "[gpurunner: the container was gone before the end of its output was copied; the last"
                + " lines may be missing]\n");
    try (RunLog log = RunLog.open(directory(), RunLogLimits.USUAL)) {
      assertThat(log.isSealed()).isTrue();
    }
  }

  @Test
  void aDiskThatDoesNotTakeItFailsTheCompletionAndNamesThePlace() throws IOException {
    Files.writeString(directory(), "no directory");
    engine.print(container.name(), "1\n");
    logs.follow(container, directory()); // fails in silence, and goes on trying
    assertThatThrownBy(() -> logs.finish(container, directory(), PATIENCE))
        .isInstanceOfSatisfying(
            ContainerException.class, e -> assertThat(e.kind()).isEqualTo(Kind.FAILED))
        .hasMessageContaining(directory().toString());
    Files.delete(directory());
    logs.finish(container, directory(), PATIENCE);
    assertThat(texts()).containsExactly("1\n");
  }

  @Test
  void aContainerThatNeverRanLeavesNothing() {
    logs.abandon(container, directory());
    assertThat(directory()).doesNotExist();
  }

  /** Retention may have removed the files of the job meanwhile. */
  @Test
  void aDirectoryThatWasRemovedDoesNotComeBack() {
    Path removed = folder.resolve("removed/logs/run-1");
    engine.print(container.name(), "1\n");
    logs.follow(container, removed);
    assertThatThrownBy(() -> logs.finish(container, removed, PATIENCE))
        .isInstanceOf(ContainerException.class);
    assertThat(folder.resolve("removed")).doesNotExist();
  }

  @Test
  void manyRunsAreCopiedAtATime() {
    List<ContainerRef> many =
        IntStream.range(0, 50)
            .mapToObj(_ -> ContainerRef.unrecorded(new ContainerName(JobId.random(), 1)))
            .toList();
    for (ContainerRef each : many) {
      engine.print(each.name(), "1\n");
      logs.follow(each, folder.resolve(each.name().toString()));
    }
    many.forEach(each -> engine.print(each.name(), "2\n"));
    await()
        .untilAsserted(
            () -> {
              for (ContainerRef each : many) {
                assertThat(Pieces.texts(folder.resolve(each.name().toString())))
                    .containsExactly("1\n", "2\n");
              }
            });
  }
}
