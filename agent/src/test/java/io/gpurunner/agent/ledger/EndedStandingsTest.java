package io.gpurunner.agent.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.JobId;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class EndedStandingsTest {
  private static final Instant T = Instant.parse("2026-01-01T00:00:00Z");

  private final EndedStandings ended = new EndedStandings();
  private final Job job = Job.created(JobId.random(), "ann", 1, T, Requests.simple().build());
  private final Job done =
      job.moved(new JobState.Succeeded(T, Optional.of(T), Optional.of("model.zip")));
  private int reads;

  private Optional<Standing> find(Optional<Job> inDatabase) {
    return ended.find(
        job.id(),
        _ -> {
          reads++;
          return inDatabase.map(Standing::of);
        });
  }

  @Test
  void oneThatEndedIsReadOnce() {
    for (int i = 0; i < 3; i++) {
      assertThat(find(Optional.of(done))).contains(Standing.of(done));
    }
    assertThat(reads).isEqualTo(1);
  }

  @Test
  void oneThatWasSeenToEndIsNotRead() {
    ended.changed(List.of(done));
    assertThat(find(Optional.empty())).contains(Standing.of(done));
    ended.changed(List.of(done.withFiles(JobFiles.SWEPT)));
    assertThat(find(Optional.empty()).map(Standing::files)).contains(JobFiles.SWEPT);
    assertThat(reads).isZero();
  }

  @Test
  void whatHasNotEndedIsNotKept() {
    ended.changed(List.of(done));
    ended.changed(List.of(job));
    assertThat(find(Optional.empty())).isEmpty();
    assertThat(find(Optional.of(job))).contains(Standing.of(job));
    assertThat(find(Optional.of(done))).contains(Standing.of(done));
    assertThat(reads).isEqualTo(3);
  }

  @Test
  void whatWasReadBeforeACommitIsNotKept() {
    Optional<Standing> read =
        ended.find(
            job.id(),
            _ -> {
              ended.forgotten(List.of(job.id()));
              return Optional.of(Standing.of(done));
            });
    assertThat(read).isPresent();
    assertThat(find(Optional.empty())).isEmpty();
  }

  @Test
  void theOneAskedForLongestAgoGoesFirst() {
    ended.changed(List.of(done));
    for (int i = 0; i < 60_000; i++) {
      if (i % 1_000 == 0) {
        assertThat(find(Optional.empty())).isPresent();
      }
      ended.changed(
          List.of(
              Job.created(JobId.random(), "ann", i + 2L, T, job.request()).moved(done.state())));
    }
    assertThat(find(Optional.empty())).isPresent();
    for (int i = 0; i < 50_000; i++) {
      ended.changed(
          List.of(Job.created(JobId.random(), "ann", i, T, job.request()).moved(done.state())));
    }
    assertThat(find(Optional.empty())).isEmpty();
  }
}
