package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.FakeContainerRuntime.Program;
import io.gpurunner.agent.job.JobHistory;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.JobDetail.Attempt;
import io.gpurunner.api.JobId;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AttemptsTest {
  @TempDir Path directory;

  private static JobHistory.Line line(int second, String kind, String message) {
    return new JobHistory.Line(Instant.ofEpochSecond(second), kind, message);
  }

  private static List<Attempt> of(JobHistory.Line... lines) {
    return Attempts.of(List.of(lines), UnaryOperator.identity());
  }

  private static Optional<Instant> at(int second) {
    return Optional.of(Instant.ofEpochSecond(second));
  }

  @Test
  void eachRunOfARetriedJobIsThere() {
    try (RunHarness run = new RunHarness(directory)) {
      JobId id =
          run.submit(Requests.simple().retries(1), Program.endsAfter(Duration.ofSeconds(1), 3));
      assertThat(Attempts.of(run.ledger.history(id), UnaryOperator.identity())).isEmpty();
      run.until(id, JobState.Running.class);
      assertThat(Attempts.of(run.ledger.history(id), UnaryOperator.identity()))
          .singleElement()
          .satisfies(
              first -> {
                assertThat(first.startedAt()).isPresent();
                assertThat(first.endedAt()).isEmpty();
              });
      run.toTheEnd(id);

      List<Attempt> attempts = Attempts.of(run.ledger.history(id), UnaryOperator.identity());
      assertThat(attempts).extracting(Attempt::number).containsExactly(1, 2);
      assertThat(attempts)
          .allSatisfy(
              attempt -> {
                assertThat(attempt.ending().orElseThrow()).contains("exit code 3");
                assertThat(attempt.endedAt().orElseThrow())
                    .isAfter(attempt.startedAt().orElseThrow());
              });
    }
  }

  @Test
  void aStartThatWasPreventedIsNoOtherRun() {
    assertThat(
            of(
                line(1, JobHistory.LEASED, "GPUs a"),
                line(2, JobHistory.NOT_STARTED, "no room"),
                line(3, JobHistory.QUEUED_AGAIN, "queued again for run 1 of 1"),
                line(4, JobHistory.LEASED, "GPUs a"),
                line(5, JobHistory.STARTED, "the container started at …")))
        .containsExactly(new Attempt(1, at(5), Optional.empty(), Optional.empty()));
  }

  @Test
  void whereOlderLinesWereRemovedRunsAreCountedFromARetry() {
    assertThat(
            of(
                line(1, "submitted", "submitted by ann"),
                line(5, JobHistory.ENDING, "of a run whose number nobody knows"),
                line(6, JobHistory.RETRY, "queued again for run 7 of 11"),
                line(7, JobHistory.LEASED, "GPUs a"),
                line(8, JobHistory.ENDING, "the image is absent"),
                line(9, JobHistory.TRIMMED, "500 older lines were removed")))
        .containsExactly(
            new Attempt(7, Optional.empty(), at(8), Optional.of("the image is absent")));
  }
}
