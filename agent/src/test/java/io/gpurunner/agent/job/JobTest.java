package io.gpurunner.agent.job;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.api.JobId;
import io.gpurunner.gpu.GpuUuid;
import io.gpurunner.storage.ArtifactPlace;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class JobTest {
  private static final Instant T = Instant.parse("2026-01-01T00:00:00.123Z");
  private static final Optional<Instant> STARTED = Optional.of(T.plusSeconds(5));
  private static final Job JOB =
      Job.created(JobId.random(), "ann", 7, T.plusNanos(9), Requests.simple().build());

  @Test
  void aNewJobIsQueuedForItsFirstRun() {
    assertThat(JOB.state()).isEqualTo(new JobState.Queued(1));
    assertThat(JOB.version()).isEqualTo(1);
    assertThat(JOB.createdAt()).isEqualTo(T);
    assertThat(JOB.files()).isEqualTo(JobFiles.KEPT);
    assertThat(JOB.folder().name()).isEqualTo(JOB.id().value());
  }

  @Test
  void everyChangeIsOneVersionOn() {
    Job moved = JOB.moved(new JobState.Preparing(1, List.of()));
    assertThat(moved.version()).isEqualTo(2);
    Job.Deletion wish = new Job.Deletion("bob", T);
    Job wished = moved.withDeletion(wish);
    assertThat(wished.version()).isEqualTo(3);
    assertThat(wished.deletion()).contains(wish);
    Job swept = wished.withFiles(JobFiles.SWEEPING);
    assertThat(swept)
        .isEqualTo(
            new Job(
                JOB.id(),
                "ann",
                7,
                4,
                T,
                JOB.request(),
                new JobState.Preparing(1, List.of()),
                Optional.of(wish),
                Optional.empty(),
                JobFiles.SWEEPING,
                List.of()));
  }

  @Test
  void itKnowsWhenItStartedFromItsFirstRunningStateOn() {
    List<JobState> before =
        List.of(
            new JobState.Queued(1),
            new JobState.Preparing(1, List.of()),
            new JobState.Pulling(1, List.of()),
            new JobState.Starting(1, List.of(), "boot", Optional.empty()));
    assertThat(before)
        .extracting(state -> JOB.moved(state).startedAt())
        .containsOnly(Optional.empty());
    Instant start = STARTED.orElseThrow();
    List<JobState> since =
        List.of(
            new JobState.Running(1, List.of(), "boot", "c1", "c1@1", start, Optional.empty()),
            new JobState.Stopping(
                1,
                List.of(),
                Optional.of("c1"),
                Optional.of("boot"),
                new Ending.Completed(),
                T,
                STARTED,
                Optional.empty(),
                Optional.empty()),
            new JobState.Uploading(STARTED, Optional.empty(), T, 0, T, Optional.empty()),
            new JobState.Succeeded(
                T, STARTED, Optional.empty(), Optional.of(new ArtifactPlace.Local())),
            new JobState.Failed(T, STARTED, "exit code 1", false),
            new JobState.Deleted(T, STARTED, "ann"));
    assertThat(since).extracting(state -> JOB.moved(state).startedAt()).containsOnly(STARTED);
  }

  /** Tests the words that users read of each event. */
  @Test
  void everyEventHasItsWords() {
    Map<JobEvent, String> words =
        Map.ofEntries(
            Map.entry(new JobEvent.Leased(List.of()), "leased: starts without GPUs"),
            Map.entry(
                new JobEvent.Leased(List.of(new GpuUuid("GPU-a"), new GpuUuid("GPU-b"))),
                "leased: GPUs GPU-a, GPU-b"),
            Map.entry(new JobEvent.Prepared(T), "prepared: the job's directories are ready"),
            Map.entry(
                new JobEvent.Pulled("boot", Optional.of("sha256:0"), Optional.empty()),
                "image-present: the image is on this machine"),
            Map.entry(
                new JobEvent.Pulled("boot", Optional.empty(), Optional.of("it is old")),
                "image-present: the image is on this machine; it is old"),
            Map.entry(
                new JobEvent.RunEnded(new Ending.NotStarted("no bridge", Ending.Cause.MACHINE), T),
                "not-started: no bridge"),
            Map.entry(new JobEvent.Made("c1"), "made: the container is created"),
            Map.entry(new JobEvent.Found("c1"), "found: a container of this run was found: c1"),
            Map.entry(
                new JobEvent.Started(T, STARTED, "boot", "c1", "c1@1"),
                "started: the container started at 2026-01-01T00:00:00Z, and will be stopped at"
                    + " 2026-01-01T00:00:05Z"),
            Map.entry(
                new JobEvent.Started(T, Optional.empty(), "boot", "c1", "c1@1"),
                "started: the container started at 2026-01-01T00:00:00Z"),
            Map.entry(
                new JobEvent.RunEnded(new Ending.Completed(), T),
                "ending: the container ended with exit code 0"),
            Map.entry(new JobEvent.RunEnded(new Ending.TimeUp(), T), "ending: stop time reached"),
            Map.entry(
                new JobEvent.RunEnded(new Ending.Broken("exit code 1", false), T),
                "ending: exit code 1"),
            Map.entry(
                new JobEvent.RunEnded(new Ending.DeletedBy("ann"), T), "ending: deleted by ann"),
            Map.entry(
                new JobEvent.StopSignalled(T, "SIGTERM sent to python3 (process 7)"),
                "stop-signalled: SIGTERM sent to python3 (process 7); SIGKILL follows at 2026-01-01T00:00:00Z"),
            Map.entry(new JobEvent.ContainerGone(T), "container-gone: the container is gone"),
            Map.entry(
                new JobEvent.GpusReleased(T, T, false, List.of(), List.of(), List.of()),
                "released: the leases ended, and the GPUs are free"),
            Map.entry(
                new JobEvent.GpusReleased(
                    T, T, false, List.of("GPU-a", "GPU-b"), List.of(), List.of()),
                "released: the leases ended, although GPUs did not come free in time: GPU-a; GPU-b; no"
                    + " job gets these GPUs until they are free"),
            Map.entry(new JobEvent.Synced(), "synced: the run's files are on this machine's disk"),
            Map.entry(
                new JobEvent.UploadPostponed("down", T),
                "upload-failed: down; next try not before 2026-01-01T00:00:00Z"),
            Map.entry(
                new JobEvent.Uploaded(
                    T, Optional.of("data.zip"), new ArtifactPlace.Local(), List.of()),
                "uploaded: the artifacts are complete: data.zip"),
            Map.entry(
                new JobEvent.Uploaded(T, Optional.empty(), new ArtifactPlace.Local(), List.of()),
                "uploaded: the model directory held no file"),
            Map.entry(new JobEvent.UploadGivenUp(T, "down"), "upload-given-up: down"),
            Map.entry(new JobEvent.Removed(T, "ann"), "deleted: deleted by ann"),
            Map.entry(
                new JobEvent.UploadResumed(T, T),
                "upload-resumed: the upload is retried on request"));
    words.forEach(
        (event, expected) -> {
          JobHistory.Line line = JobHistory.describe(event, T);
          assertThat(line.at()).isEqualTo(T);
          assertThat(line.kind() + ": " + line.message()).isEqualTo(expected);
        });
  }

  @Test
  void failedTriesAreCounted() {
    JobState uploading =
        JobTransitions.next(
            new JobState.Uploading(STARTED, Optional.empty(), T, 2, T, Optional.empty()),
            new JobEvent.UploadPostponed("down", T));
    assertThat(uploading)
        .isEqualTo(new JobState.Uploading(STARTED, Optional.empty(), T, 3, T, Optional.of("down")));
  }
}
