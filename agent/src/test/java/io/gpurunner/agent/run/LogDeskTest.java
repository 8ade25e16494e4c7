package io.gpurunner.agent.run;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerRef;
import io.gpurunner.agent.container.FakeContainerRuntime.Program;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.agent.log.RunLogs;
import io.gpurunner.api.Caller;
import io.gpurunner.api.Health;
import io.gpurunner.api.JobId;
import io.gpurunner.api.LogQuery;
import io.gpurunner.api.Logs;
import io.gpurunner.api.RequestRefusedException;
import io.gpurunner.storage.FileWork;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class LogDeskTest {
  private static final Caller ANN = new Caller("ann", false);

  private static final LogQuery ALL =
      new LogQuery(
          false,
          OptionalInt.empty(),
          Optional.empty(),
          OptionalInt.empty(),
          Optional.empty(),
          Optional.empty(),
          OptionalLong.empty(),
          OptionalInt.empty(),
          Optional.empty());

  @TempDir private Path directory;

  private final FileWork files = new FileWork();
  private RunHarness run;
  private RunLogs logs;
  private LogDesk desk;
  private Dispatcher dispatcher;

  @BeforeEach
  void open() {
    run = new RunHarness(directory);
    logs = new RunLogs(run.output, files, run.clock);
    dispatcher = run.newDispatcher();
    JobDesk jobs =
        new JobDesk(
            run.ledger,
            dispatcher,
            run.meter,
            _ -> Optional.empty(),
            new ArtifactUrls(run.store, _ -> Optional.empty(), Duration.ofDays(7), run.clock),
            () -> new Health.Report(List.of()),
            new RunSettings(
                Duration.ofSeconds(30), Duration.ofHours(1), Duration.ofMinutes(1), "boot-1"),
            UserLimits.DEFAULT,
            run.clock,
            UnaryOperator.identity());
    desk = new LogDesk(jobs, run.ledger, run.volumes, logs);
  }

  @AfterEach
  void close() {
    logs.close();
    files.close();
    run.close();
  }

  private static LogQuery following() {
    return query(true, OptionalInt.empty(), OptionalInt.empty(), Optional.empty());
  }

  private static LogQuery query(
      boolean follow, OptionalInt tail, OptionalInt attempt, Optional<LogQuery.Place> after) {
    return new LogQuery(
        follow,
        tail,
        Optional.empty(),
        attempt,
        Optional.empty(),
        Optional.empty(),
        OptionalLong.empty(),
        OptionalInt.empty(),
        after);
  }

  /** Returns what a reading brings until it waits or ends, and what is next then. */
  private static List<String> read(Logs.Reading reading) {
    List<String> found = new ArrayList<>();
    Logs.Batch batch = reading.read();
    while (batch.next() == Logs.Next.READ) {
      batch.pieces().forEach(piece -> found.add(words(piece)));
      batch = reading.read();
    }
    batch.pieces().forEach(piece -> found.add(words(piece)));
    found.add(batch.next().toString());
    return found;
  }

  private static String words(Logs.Piece piece) {
    return switch (piece) {
      case Logs.Piece.Printed printed ->
          printed.attempt()
              + ":"
              + printed.seq()
              + " "
              + new String(printed.bytes(), UTF_8).strip();
      case Logs.Piece.Gap gap -> "gap: " + gap.text();
      case Logs.Piece.Note note -> "note: " + note.text();
      case Logs.Piece.Ended ended ->
          "ended: " + ended.state() + ended.reason().map(why -> ", " + why).orElse("");
    };
  }

  private Path output(JobId id, int attempt) {
    return OutputDirectory.of(run.volumes.paths(run.job(id).folder()), attempt);
  }

  private ContainerRef container(JobId id, int attempt) {
    return ContainerRef.unrecorded(new ContainerName(id, attempt));
  }

  /** Prints lines, and copies them as the container's end would. */
  private void finish(JobId id, int attempt, String text) {
    run.output.print(new ContainerName(id, attempt), text);
    logs.finish(container(id, attempt), output(id, attempt), Duration.ofMinutes(1));
  }

  @Test
  void aQueuedJobsLogSaysWhyItWaitsAndThenWhatItPrints() {
    JobId first =
        run.submit(Requests.simple().gpus(2), Program.endsAfter(Duration.ofMinutes(1), 0));
    run.until(first, JobState.Running.class);
    JobId id = run.submit(Requests.simple().gpus(1), Program.endsAfter(Duration.ofMinutes(1), 0));
    dispatcher.round();
    String waits =
        "note: queued, place 1: waits for 1 × NVIDIA-GeForce-RTX-3090: 0 free, 2 held by another"
            + " job";
    assertThat(read(desk.open(ANN, id, ALL))).containsExactly(waits, "END");

    Logs.Reading reading = desk.open(ANN, id, following());
    assertThat(read(reading)).containsExactly(waits, "WAIT");
    assertThat(reading.isReady()).isFalse();
    assertThat(read(reading)).containsExactly("WAIT"); // the same words are not said twice
    run.toTheEnd(first);
    run.until(id, JobState.Running.class);
    assertThat(reading.isReady()).isTrue();
    assertThat(read(reading)).containsExactly("WAIT");
    finish(id, 1, "loss 0.5\nloss 0.1\n");
    run.toTheEnd(id);
    assertThat(read(reading))
        .containsExactly("1:0 loss 0.5", "1:1 loss 0.1", "ended: SUCCEEDED", "END");
  }

  /** Returns a running job that has printed one line. Its output is copied. */
  private JobId printing() {
    JobId id = run.submit(Requests.simple(), Program.untilSignalled());
    run.until(id, JobState.Running.class);
    run.output.print(new ContainerName(id, 1), "1\n");
    logs.follow(container(id, 1), output(id, 1));
    return id;
  }

  @Test
  void aLineOfARunningJobMakesAReadingReady() {
    JobId id = printing();
    Logs.Reading reading = desk.open(ANN, id, following());
    org.awaitility.Awaitility.await().until(() -> read(reading).contains("1:0 1"));
    assertThat(reading.isReady()).isFalse();
    run.output.print(new ContainerName(id, 1), "2\n");
    org.awaitility.Awaitility.await().until(reading::isReady);
    assertThat(read(reading)).containsExactly("1:1 2", "WAIT");
  }

  /** The copy is complete before the container is removed and the job makes its next step. */
  @Test
  void theLastLinesAreReadyBeforeTheJobsNextStep() {
    JobId id = printing();
    Logs.Reading reading = desk.open(ANN, id, following());
    org.awaitility.Awaitility.await().until(() -> read(reading).contains("1:0 1"));
    run.output.endAfter(new ContainerName(id, 1), "2");
    finish(id, 1, "3\n");
    assertThat(reading.isReady()).isTrue();
    assertThat(read(reading)).containsExactly("1:1 2", "1:2 3", "WAIT");
    assertThat(reading.isReady()).isFalse();
  }

  @Test
  void theRunsOfAJobAreReadOneAfterTheOther() {
    JobId id =
        run.submit(Requests.simple().retries(1), Program.endsAfter(Duration.ofMinutes(1), 1));
    run.until(id, JobState.Running.class);
    finish(id, 1, "first\n");
    run.until(id, JobState.Queued.class);
    run.until(id, JobState.Running.class);
    finish(id, 2, "second\n");
    run.toTheEnd(id);
    assertThat(read(desk.open(ANN, id, ALL)))
        .startsWith("1:0 first", "note: run 1 is over; what follows is of run 2", "2:0 second")
        .satisfies(all -> assertThat(all.get(3)).startsWith("ended: FAILED, "))
        .endsWith("END");
    assertThat(
            read(
                desk.open(
                    ANN,
                    id,
                    query(false, OptionalInt.empty(), OptionalInt.of(1), Optional.empty()))))
        .startsWith("1:0 first")
        .doesNotContain("2:0 second");
    assertThat(
            read(
                desk.open(
                    ANN,
                    id,
                    query(false, OptionalInt.of(1), OptionalInt.empty(), Optional.empty()))))
        .startsWith("2:0 second");
    assertThat(
            read(
                desk.open(
                    ANN,
                    id,
                    query(
                        false,
                        OptionalInt.empty(),
                        OptionalInt.empty(),
                        Optional.of(new LogQuery.Place(1, 0))))))
        .startsWith("note: run 1 is over; what follows is of run 2", "2:0 second");
    assertThatThrownBy(
            () ->
                desk.open(
                    ANN,
                    id,
                    query(false, OptionalInt.empty(), OptionalInt.of(3), Optional.empty())))
        .isInstanceOf(RequestRefusedException.class)
        .hasMessage("attempt: must be at most 2, the number of the job's last run, was 3");
  }

  @Test
  void linesAreChosenAndCounted() {
    JobId id = run.submit(Requests.simple(), Program.endsAfter(Duration.ofMinutes(1), 0));
    run.until(id, JobState.Running.class);
    finish(id, 1, "epoch 1\nloss 0.5\nepoch 2\nloss 0.1\nepoch 3\n");
    run.toTheEnd(id);
    assertThat(read(desk.open(ANN, id, chosen("loss", 0, 10))))
        .startsWith("1:1 loss 0.5", "1:3 loss 0.1", "ended: SUCCEEDED");
    assertThat(read(desk.open(ANN, id, chosen("loss", 2, 10)))).startsWith("1:3 loss 0.1");
    assertThat(read(desk.open(ANN, id, chosen("epoch", 0, 2))))
        .containsExactly("1:0 epoch 1", "1:2 epoch 2", "END");
  }

  private static LogQuery chosen(String grep, long from, int lines) {
    return new LogQuery(
        false,
        OptionalInt.empty(),
        Optional.empty(),
        OptionalInt.empty(),
        Optional.empty(),
        Optional.of(grep),
        OptionalLong.of(from),
        OptionalInt.of(lines),
        Optional.empty());
  }

  @Test
  void anotherUsersLogIsNotThere() {
    JobId id = run.submit(Requests.simple(), Program.untilSignalled());
    assertThatThrownBy(() -> desk.open(new Caller("bob", false), id, ALL))
        .isInstanceOf(RequestRefusedException.class)
        .hasMessage("job_id: no such job: " + id);
    assertThat(read(desk.open(new Caller("root", true), id, ALL))).isNotEmpty();
  }

  @Test
  void aRunWhoseOutputIsGoneSaysSo() {
    JobId id = run.submit(Requests.simple(), Program.endsAfter(Duration.ofMinutes(1), 0));
    run.toTheEnd(id);
    assertThat(read(desk.open(ANN, id, ALL))).containsExactly("ended: SUCCEEDED", "END");
  }
}
