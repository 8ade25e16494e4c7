package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.FakeContainerRuntime.Program;
import io.gpurunner.agent.job.JobHistory;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.Caller;
import io.gpurunner.api.Health;
import io.gpurunner.api.JobDetail;
import io.gpurunner.api.JobId;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests how much of a job's history is kept and answered. */
final class HistoryLimitsTest {
  private static final int ANSWERED_LINES = 500;
  private static final int LINE_CHARACTERS = 4_000;

  @TempDir Path directory;

  @Test
  void theNewestLinesAreAnswered() {
    try (RunHarness run = new RunHarness(directory)) {
      JobId id = run.submit(Requests.simple(), Program.untilSignalled());
      for (int line = 1; line <= ANSWERED_LINES + 100; line++) {
        run.ledger.note(id, "note", "line " + line);
      }
      List<JobDetail.Event> events = deskOf(run).detail(new Caller("ann", false), id).events();
      assertThat(events).hasSize(ANSWERED_LINES);
      assertThat(events.getFirst().message()).isEqualTo("line 101");
      assertThat(events.getLast().message()).isEqualTo("line " + (ANSWERED_LINES + 100));
    }
  }

  @Test
  void aLongLineIsCut() {
    try (RunHarness run = new RunHarness(directory)) {
      JobId id = run.submit(Requests.simple(), Program.untilSignalled());
      String longest = "x".repeat(LINE_CHARACTERS);
      run.ledger.note(id, "note", longest);
      run.ledger.note(id, "note", longest + "y");
      assertThat(run.ledger.history(id, 2))
          .extracting(JobHistory.Line::message)
          .satisfiesExactly(
              whole -> assertThat(whole).isEqualTo(longest),
              cut ->
                  assertThat(cut).hasSize(LINE_CHARACTERS + 1).startsWith(longest).endsWith("…"));
    }
  }

  private static JobDesk deskOf(RunHarness run) {
    return new JobDesk(
        run.ledger,
        run.newDispatcher(),
        run.meter,
        _ -> Optional.empty(),
        new ArtifactUrls(run.store, _ -> Optional.empty(), Duration.ofDays(7), run.clock),
        () -> new Health.Report(List.of()),
        new RunSettings(
            Duration.ofSeconds(30), Duration.ofHours(1), Duration.ofMinutes(1), "boot-1"),
        UserLimits.DEFAULT,
        run.clock,
        UnaryOperator.identity());
  }
}
