package io.gpurunner.agent.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.agent.ledger.disk.Change;
import io.gpurunner.agent.ledger.disk.JobRecord;
import io.gpurunner.api.JobId;
import io.gpurunner.storage.ArtifactPlace;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class EndedStandingsTest {
  private static final Instant T = Instant.parse("2026-01-01T00:00:00Z");

  private final EndedStandings ended = new EndedStandings();
  private final Job job = Job.created(JobId.random(), "ann", 1, T, Requests.simple().build());
  private final Job done =
      job.moved(
          new JobState.Succeeded(
              T, Optional.of(T), Optional.of("model.zip"), Optional.of(new ArtifactPlace.Local())));
  private int reads;

  private void changed(Job now) {
    JobRecord record = new JobRecord(now, Optional.empty(), List.of(), Optional.empty());
    ended.changed(List.of(new Change(now.id(), Optional.of(record))));
  }

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
    changed(done);
    assertThat(find(Optional.empty())).contains(Standing.of(done));
    changed(done.withFiles(JobFiles.SWEPT));
    assertThat(find(Optional.empty()).flatMap(Standing::artifact).map(Standing.Published::files))
        .contains(JobFiles.SWEPT);
    assertThat(reads).isZero();
  }

  @Test
  void whatHasNotEndedIsNotKept() {
    changed(done);
    changed(job);
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
              ended.changed(List.of(new Change(job.id(), Optional.empty())));
              return Optional.of(Standing.of(done));
            });
    assertThat(read).isPresent();
    assertThat(find(Optional.empty())).isEmpty();
  }

  @Test
  void whatWentWrongIsNotKept() {
    assertThat(Standing.of(job.moved(failed("x".repeat(2_000)))))
        .isEqualTo(Standing.of(job.moved(failed("exit code 1"))));
  }

  private static JobState.Failed failed(String reason) {
    return new JobState.Failed(T, Optional.of(T), reason, false);
  }

  @Test
  void whatManyJobsHaveInCommonIsKeptOnce() {
    List<Standing> kept = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      String user = String.join("", "a", "nn");
      ArtifactPlace place = new ArtifactPlace.Bucket(Optional.empty(), "here", "models");
      JobState state =
          new JobState.Succeeded(
              T, Optional.of(T), Optional.of(String.join(".", "model", "zip")), Optional.of(place));
      Job other = Job.created(JobId.random(), user, i, T, job.request()).moved(state);
      changed(other);
      kept.add(ended.find(other.id(), _ -> Optional.empty()).orElseThrow());
    }
    assertThat(kept.getFirst().user()).isSameAs(kept.getLast().user());
    Standing.Published first = kept.getFirst().artifact().orElseThrow();
    Standing.Published last = kept.getLast().artifact().orElseThrow();
    assertThat(first.file()).isSameAs(last.file());
    assertThat(first.place().orElseThrow()).isSameAs(last.place().orElseThrow());
  }

  @Test
  void theOneAskedForLongestAgoGoesFirst() {
    changed(done);
    for (int i = 0; i < 60_000; i++) {
      if (i % 1_000 == 0) {
        assertThat(find(Optional.empty())).isPresent();
      }
      changed(Job.created(JobId.random(), "ann", i + 2L, T, job.request()).moved(done.state()));
    }
    assertThat(find(Optional.empty())).isPresent();
    for (int i = 0; i < 50_000; i++) {
      changed(Job.created(JobId.random(), "ann", i, T, job.request()).moved(done.state()));
    }
    assertThat(find(Optional.empty())).isEmpty();
  }
}
