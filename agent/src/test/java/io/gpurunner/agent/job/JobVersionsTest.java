package io.gpurunner.agent.job;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.api.JobId;
import io.gpurunner.gpu.GpuUuid;
import io.gpurunner.storage.ArtifactPlace;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Tests a job's versions, counts and history lines in every state. */
final class JobVersionsTest {
  private static final Instant T = Instant.parse("2026-03-04T05:06:07Z");
  private static final ArtifactPlace HERE = new ArtifactPlace.Local();
  private static final Job NEW =
      Job.created(JobId.random(), "ann", 7, T, Requests.simple().build());

  @Test
  void everyChangeIsOneVersionOn() {
    assertThat(NEW.version()).isEqualTo(1);
    Job moved = NEW.moved(new JobState.Queued(2));
    assertThat(moved.version()).isEqualTo(2);
    Job wished = moved.withDeletion(new Job.Deletion("ann", T));
    assertThat(wished.version()).isEqualTo(3);
    assertThat(wished.withFiles(JobFiles.SWEPT).version()).isEqualTo(4);
  }

  @Test
  void aJobHasStartedOnceAContainerWasSeenRunning() {
    Optional<Instant> started = Optional.of(T.plusSeconds(5));
    assertThat(NEW.startedAt()).isEmpty();
    assertThat(NEW.moved(new JobState.Preparing(1, List.of())).startedAt()).isEmpty();
    assertThat(
            NEW.moved(new JobState.Running(1, List.of(), "b", "c", "r", T, Optional.empty()))
                .startedAt())
        .contains(T);
    for (JobState state :
        List.of(
            new JobState.Succeeded(T, started, Optional.empty(), Optional.empty()),
            new JobState.Failed(T, started, "exit code 3", false),
            new JobState.Deleted(T, started, "ann"))) {
      assertThat(NEW.moved(state).startedAt()).isEqualTo(started);
    }
  }

  private static String line(JobEvent event) {
    return JobHistory.describe(event, T).message();
  }

  @Test
  void historyIsInWords() {
    assertThat(line(new JobEvent.Leased(List.of()))).isEqualTo("starts without GPUs");
    assertThat(line(new JobEvent.Leased(List.of(new GpuUuid("GPU-1"), new GpuUuid("GPU-2")))))
        .isEqualTo("GPUs GPU-1, GPU-2");
    assertThat(line(new JobEvent.Started(T, Optional.of(T.plusSeconds(60)), "boot", "c", "r")))
        .isEqualTo(
            "the container started at 2026-03-04T05:06:07Z, and will be stopped at"
                + " 2026-03-04T05:07:07Z");
    assertThat(line(new JobEvent.Uploaded(T, Optional.of("data.zip"), HERE, List.of())))
        .contains("data.zip");
    assertThat(line(new JobEvent.Uploaded(T, Optional.empty(), HERE, List.of())))
        .contains("held no file");
    assertThat(line(new JobEvent.RunEnded(new Ending.DeletedBy("ann"), T)))
        .isEqualTo("deleted by ann");
    assertThat(line(new JobEvent.GpusReleased(T, T, false, List.of(), List.of(), List.of())))
        .contains("GPUs are free");
    assertThat(
            line(
                new JobEvent.GpusReleased(
                    T, T, false, List.of("GPU-1 is in use"), List.of(), List.of())))
        .contains("GPU-1 is in use");
  }
}
