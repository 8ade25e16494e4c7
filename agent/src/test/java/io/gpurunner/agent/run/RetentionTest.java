package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.FakeContainerRuntime.Program;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.job.JobHistory;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.JobId;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RetentionTest {
  private static final Duration KEEP_FOR = Duration.ofDays(30);
  private static final Duration DELETED_KEEP_FOR = Duration.ofDays(1);

  @TempDir Path directory;

  @Test
  void filesGoWhenTheirTimeIsOverAndTheRecordLater() {
    try (RunHarness run = new RunHarness(directory);
        Retention retention = retention(run, run.clock)) {
      JobId id = run.submit(Requests.simple(), Program.endsAfter(Duration.ofSeconds(1), 0));
      run.settle(id);
      run.writeModel(id, "ds_model.bin", "weights");
      Job job = run.toTheEnd(id);
      Path stored = run.stored(job, "ds_model.bin");
      JobId running = run.submit(Requests.simple(), Program.untilSignalled());
      run.settle(running);

      run.clock.advance(KEEP_FOR.minusSeconds(1));
      retention.round();
      assertThat(run.volumes.paths(job.folder()).model()).exists();
      assertThat(stored).exists();

      run.clock.advance(Duration.ofSeconds(2));
      retention.round();
      assertThat(run.volumes.paths(job.folder()).root()).doesNotExist();
      assertThat(stored).doesNotExist();
      assertThat(run.job(id).state()).isEqualTo(job.state());
      assertThat(run.job(id).files()).isEqualTo(JobFiles.SWEPT);
      assertThat(run.volumes.paths(run.job(running).folder()).model()).exists();

      run.clock.advance(Duration.ofDays(365));
      retention.round();
      assertThat(run.ledger.find(id)).isEmpty();
      assertThat(run.ledger.find(running)).isPresent();
      retention.start();
    }
  }

  private static Retention retention(RunHarness run, InstantSource wall) {
    return new Retention(
        run.ledger,
        run.volumes,
        Optional.of(run.store),
        KEEP_FOR,
        DELETED_KEEP_FOR,
        run.clock,
        wall);
  }

  @Test
  void filesOfADeletedJobGoSoonUnlessAnotherJobNeedsThem() {
    try (RunHarness run = new RunHarness(directory);
        Retention retention = retention(run, run.clock)) {
      JobId deleted = run.submit(Requests.simple(), Program.untilSignalled());
      run.settle(deleted);
      JobId kept = run.submit(Requests.simple(), Program.endsAfter(Duration.ofSeconds(1), 0));
      run.ledger.requestDeletion(deleted, "ann");
      assertThat(run.toTheEnd(deleted).state()).isInstanceOf(JobState.Deleted.class);
      run.toTheEnd(kept);
      JobId resuming = run.submit(Requests.simple().resumeFrom(deleted), Program.untilSignalled());

      retention.round();
      assertThat(rootOf(run, deleted)).exists();

      run.clock.advance(DELETED_KEEP_FOR.plusSeconds(60));
      retention.round();
      assertThat(rootOf(run, deleted)).as("a live job resumes from it").exists();

      run.ledger.requestDeletion(resuming, "ann");
      retention.round();
      assertThat(rootOf(run, deleted)).doesNotExist();
      assertThat(run.job(deleted).files()).isEqualTo(JobFiles.SWEPT);
      assertThat(rootOf(run, kept)).exists();
    }
  }

  @Test
  void whatAUserPurgesGoesAtOnceAlsoAfterACrash() {
    try (RunHarness run = new RunHarness(directory)) {
      JobId id = run.submit(Requests.simple(), Program.endsAfter(Duration.ofSeconds(1), 0));
      run.settle(id);
      run.writeModel(id, "ds_model.bin", "weights");
      Job job = run.toTheEnd(id);
      JobId other = run.submit(Requests.simple(), Program.endsAfter(Duration.ofSeconds(1), 0));
      run.toTheEnd(other);
      assertThat(run.ledger.purge(id, "ann")).isTrue();

      // Another agent finds the request in the ledger.
      try (Retention retention = retention(run, run.clock)) {
        retention.round();
        retention.round();
      }

      assertThat(rootOf(run, id)).doesNotExist();
      assertThat(run.stored(job, "ds_model.bin")).doesNotExist();
      assertThat(rootOf(run, other)).exists();
      assertThat(run.job(id).files()).isEqualTo(JobFiles.SWEPT);
      assertThat(run.ledger.history(id))
          .extracting(JobHistory.Line::kind)
          .containsSubsequence("purge-requested", "swept");
    }
  }

  private static Path rootOf(RunHarness run, JobId id) {
    return run.volumes.paths(run.job(id).folder()).root();
  }

  @Test
  void aBootWithAClockThatIsAheadRemovesNothing() {
    try (RunHarness run = new RunHarness(directory)) {
      JobId id = run.submit(Requests.simple(), Program.endsAfter(Duration.ofSeconds(1), 0));
      Job job = run.toTheEnd(id);
      Instant wall = run.clock.instant().plusSeconds(60); // it was corrected since
      run.clock.advance(Duration.ofDays(5_000));
      try (Retention retention = retention(run, () -> wall)) {
        retention.round();
        assertThat(run.volumes.paths(job.folder()).model()).exists();
        assertThat(run.job(id).files()).isEqualTo(JobFiles.KEPT);
      }
    }
  }
}
