package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.Observation;
import io.gpurunner.agent.container.Observation.Activity;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.run.NextStep.Boot;
import io.gpurunner.agent.run.NextStep.Phase;
import io.gpurunner.agent.run.NextStep.Seen;
import io.gpurunner.agent.run.NextStep.Verdict;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Compares the function with the table of docs/recovery.md, cell by cell. */
final class NextStepTest {
  private static final Instant T = Instant.parse("2026-01-01T00:00:00Z");

  /**
   * A row of the table: state and boot from its first column, and the cells of the other columns.
   */
  record Row(Phase phase, Boot boot, List<String> cells) {}

  static List<Row> table() throws IOException {
    List<String> lines = Files.readAllLines(Path.of("..", "docs", "recovery.md"));
    int head = lines.indexOf(heading());
    assertThat(head).as("the table's heading in docs/recovery.md").isPositive();
    return lines.stream()
        .skip(head + 2L)
        .takeWhile(line -> line.startsWith("|"))
        .map(NextStepTest::cellsOf)
        .map(cells -> row(cells.getFirst(), cells.subList(1, cells.size())))
        .toList();
  }

  private static String heading() {
    return "| state | "
        + String.join(
            " | ",
            Arrays.stream(Seen.values()).map(seen -> seen.name().toLowerCase(Locale.ROOT)).toList())
        + " |";
  }

  private static List<String> cellsOf(String line) {
    return Arrays.stream(line.substring(1, line.length() - 1).split("\\|"))
        .map(String::strip)
        .toList();
  }

  private static Row row(String name, List<String> cells) {
    Boot boot = name.endsWith(", rebooted") ? Boot.ANOTHER : Boot.SAME;
    String state = name.replace(", rebooted", "");
    Phase phase =
        switch (state) {
          case "STARTING, made" -> Phase.STARTING_MADE;
          case "STOPPING, gone" -> Phase.STOPPING_GONE;
          case "UPLOADING, unsynced" -> Phase.UPLOADING_UNSYNCED;
          case "ended, unknown" -> Phase.ENDED;
          default -> Phase.valueOf(state);
        };
    return new Row(phase, boot, cells);
  }

  @ParameterizedTest
  @MethodSource("table")
  void everyCellIsWhatTheTableSays(Row row) {
    assertThat(
            Arrays.stream(Seen.values())
                .map(seen -> NextStep.of(row.phase(), seen, row.boot()).words()))
        .containsExactlyElementsOf(row.cells());
  }

  @Test
  void theTableHasEveryStateAndEveryBootThatCounts() throws IOException {
    List<String> rows = new ArrayList<>();
    for (Row row : table()) {
      rows.add(row.phase() + " " + row.boot());
    }
    List<String> expected = new ArrayList<>();
    for (Phase phase : Phase.values()) {
      expected.add(phase + " SAME");
      if (differsByBoot(phase)) {
        expected.add(phase + " ANOTHER");
      }
    }
    assertThat(rows).containsExactlyElementsOf(expected);
  }

  private static boolean differsByBoot(Phase phase) {
    return Arrays.stream(Seen.values())
        .anyMatch(
            seen -> NextStep.of(phase, seen, Boot.SAME) != NextStep.of(phase, seen, Boot.ANOTHER));
  }

  /** A container that may have run is never started, whatever is recorded. */
  @Test
  void onlyAContainerThatNeverRanIsStarted() {
    for (Phase phase : Phase.values()) {
      for (Seen seen : Seen.values()) {
        for (Boot boot : Boot.values()) {
          Verdict verdict = NextStep.of(phase, seen, boot);
          if (verdict == Verdict.START) {
            assertThat(seen).isEqualTo(Seen.CREATED);
            assertThat(boot).isEqualTo(Boot.SAME);
          }
          if (verdict == Verdict.JUDGE) {
            assertThat(boot).isEqualTo(Boot.SAME);
          }
        }
      }
    }
  }

  @Test
  void everyVerdictIsReached() {
    Set<Verdict> reached = EnumSet.noneOf(Verdict.class);
    for (Phase phase : Phase.values()) {
      for (Seen seen : Seen.values()) {
        for (Boot boot : Boot.values()) {
          reached.add(NextStep.of(phase, seen, boot));
        }
      }
    }
    assertThat(reached).containsExactlyInAnyOrder(Verdict.values());
  }

  private static final JobState RUNNING =
      new JobState.Running(1, List.of(), "boot", "c1", "c1@1", T, Optional.empty());
  private static final JobState MADE =
      new JobState.Starting(1, List.of(), "boot", Optional.of("c1"));

  private static Observation running(String run, Activity activity) {
    return new Observation.Running(run.substring(0, 2), run, T, activity);
  }

  private static Observation exited(String run) {
    return new Observation.Exited(run.substring(0, 2), run, 0, false, T, T, "");
  }

  static Stream<List<Object>> looks() {
    return Stream.of(
        List.of(RUNNING, running("c1@1", Activity.ACTIVE), Seen.RUNNING),
        List.of(RUNNING, running("c1@1", Activity.PAUSED), Seen.PAUSED),
        List.of(RUNNING, running("c1@1", Activity.RESTARTING), Seen.RESTARTING),
        List.of(RUNNING, running("c1@2", Activity.ACTIVE), Seen.REPLACED),
        List.of(RUNNING, running("c2@1", Activity.ACTIVE), Seen.REPLACED),
        List.of(RUNNING, exited("c1@1"), Seen.EXITED),
        List.of(RUNNING, exited("c1@2"), Seen.REPLACED),
        List.of(RUNNING, new Observation.Created("c1"), Seen.CREATED),
        List.of(MADE, new Observation.Created("c1"), Seen.CREATED),
        List.of(RUNNING, new Observation.Doubtful("c1", false), Seen.DOUBTFUL),
        List.of(MADE, new Observation.Doubtful("c1", false), Seen.DOUBTFUL),
        List.of(MADE, running("c1@1", Activity.ACTIVE), Seen.RUNNING));
  }

  @ParameterizedTest
  @MethodSource("looks")
  void aLookIsComparedWithWhatIsRecorded(List<Object> look) {
    assertThat(Seen.of((JobState) look.get(0), Optional.of((Observation) look.get(1))))
        .isEqualTo(look.get(2));
    assertThat(Seen.of((JobState) look.get(0), Optional.empty())).isEqualTo(Seen.ABSENT);
  }

  private static JobState uploading(Optional<String> unsyncedUnder) {
    return new JobState.Uploading(Optional.of(T), unsyncedUnder, T, 0, T, Optional.empty());
  }

  @ParameterizedTest
  @CsvSource({"boot,SAME", "boot-2,ANOTHER"})
  void theBootCountsWhereAContainerMayRunOrItsFilesAreNotOnDisk(String now, Boot boot) {
    assertThat(Boot.of(RUNNING, now)).isEqualTo(boot);
    assertThat(Boot.of(MADE, now)).isEqualTo(boot);
    assertThat(Boot.of(uploading(Optional.of("boot")), now)).isEqualTo(boot);
    assertThat(Boot.of(uploading(Optional.empty()), now)).isEqualTo(Boot.SAME);
    assertThat(Boot.of(new JobState.Queued(1), now)).isEqualTo(Boot.SAME);
  }
}
