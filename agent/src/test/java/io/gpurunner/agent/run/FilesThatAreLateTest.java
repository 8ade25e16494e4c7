package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.FakeContainerRuntime.Program;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.JobId;
import io.gpurunner.storage.ArtifactPublisher;
import io.gpurunner.storage.FileWork;
import io.gpurunner.storage.StorageException;
import io.gpurunner.storage.StorageException.Kind;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A job waits, and says for what, while its files cannot be read or its turn has not come. */
class FilesThatAreLateTest {
  @TempDir Path directory;

  @SuppressWarnings("NullAway.Init") // created before each test
  private RunHarness run;

  @BeforeEach
  void make() {
    run = new RunHarness(directory);
  }

  @AfterEach
  void close() {
    run.close();
  }

  private JobId submit(Requests request) {
    return run.submit(request.gpus(0), Program.endsAfter(Duration.ofSeconds(1), 0));
  }

  private static Optional<String> missing(StepOutcome outcome) {
    assertThat(outcome).isInstanceOf(StepOutcome.Wait.class);
    return ((StepOutcome.Wait) outcome).missing();
  }

  @Test
  void aJobWhoseLibraryDoesNotAnswerWaitsForIt() {
    JobId id = submit(Requests.simple());
    run.specFault =
        Optional.of(new StorageException(Kind.UNAVAILABLE, "the library does not answer"));
    run.settle(id);
    assertThat(run.state(id)).isInstanceOf(JobState.Starting.class);
    assertThat(missing(run.stepOnce(id))).contains("waits: the library does not answer");

    run.specFault = Optional.empty();
    assertThat(run.toTheEnd(id).state()).isInstanceOf(JobState.Succeeded.class);
  }

  @Test
  void aJobWhoseDataSetIsGoneFails() {
    JobId id = submit(Requests.simple());
    run.specFault = Optional.of(new StorageException(Kind.REFUSED, "it is not in the library"));
    assertThat(run.toTheEnd(id).state())
        .isInstanceOfSatisfying(
            JobState.Failed.class,
            failed -> assertThat(failed.reason()).contains("it is not in the library"));
  }

  @Test
  void oneUploadTooManyWaitsForItsTurnAndCanBeDeletedMeanwhile() {
    List<JobId> jobs = uploading(ArtifactPublisher.AT_A_TIME - 1 + 2);
    JobId deleted = jobs.removeLast();
    JobId late = jobs.removeLast();
    duringUploadsOf(
        jobs,
        () -> {
          assertThat(missing(run.stepOnce(deleted)))
              .contains(
                  "waits for its turn to be uploaded: 3 at a time (2 of one user), and 0 wait"
                      + " before it");
          assertThat(missing(run.stepOnce(late)))
              .contains(
                  "waits for its turn to be uploaded: 3 at a time (2 of one user), and 1 wait"
                      + " before it");
          run.ledger.requestDeletion(deleted, "ann");
          run.stepOnce(deleted);
          assertThat(run.state(deleted)).isInstanceOf(JobState.Deleted.class);
          assertThat(missing(run.stepOnce(late)).orElseThrow()).endsWith("0 wait before it");
        });
    jobs.forEach(id -> assertThat(run.state(id)).isInstanceOf(JobState.Succeeded.class));
    run.stepOnce(late);
    assertThat(run.state(late)).isInstanceOf(JobState.Succeeded.class);
  }

  /** Creates jobs whose next step uploads. */
  private List<JobId> uploading(int count) {
    List<JobId> jobs = new ArrayList<>();
    for (int job = 0; job < count; job++) {
      JobId id = submit(Requests.simple());
      run.until(id, JobState.Uploading.class);
      run.stepOnce(id); // syncs its files
      jobs.add(id);
    }
    return jobs;
  }

  /** Makes each job upload during the upload of the one before, and then runs an action. */
  private void duringUploadsOf(List<JobId> jobs, Runnable then) {
    if (jobs.isEmpty()) {
      then.run();
      return;
    }
    run.store.duringNext(() -> duringUploadsOf(jobs.subList(1, jobs.size()), then));
    run.stepOnce(jobs.getFirst());
  }

  @Test
  void oneCopyTooManyWaitsForItsTurn() {
    JobId source = submit(Requests.simple());
    run.toTheEnd(source);
    List<JobId> jobs = new ArrayList<>();
    for (int job = 0; job < FileWork.COPYING_LIMIT; job++) {
      jobs.add(submit(Requests.simple().resumeFrom(source)));
    }
    run.whenQueuedDispatch();
    JobId late = jobs.removeLast();
    duringCopiesOf(
        jobs,
        () ->
            assertThat(missing(run.stepOnce(late)))
                .contains(
                    "waits for its turn to copy the checkpoints it resumes from: 2 at a time (1 of"
                        + " one user), and 0 wait before it"));
    jobs.forEach(id -> assertThat(run.state(id)).isInstanceOf(JobState.Pulling.class));
    run.stepOnce(late);
    assertThat(run.state(late)).isInstanceOf(JobState.Pulling.class);
  }

  private void duringCopiesOf(List<JobId> jobs, Runnable then) {
    if (jobs.isEmpty()) {
      then.run();
      return;
    }
    run.duringNextSeed = () -> duringCopiesOf(jobs.subList(1, jobs.size()), then);
    run.stepOnce(jobs.getFirst());
  }

  /** A user's registry that answers never holds up only his own jobs. */
  @Test
  void onePullTooManyWaits() {
    List<JobId> jobs = new ArrayList<>();
    for (int job = 0; job <= JobSteps.PULLS_OF_A_USER_LIMIT; job++) {
      JobId id = submit(Requests.simple());
      run.until(id, JobState.Pulling.class);
      jobs.add(id);
    }
    JobId late = jobs.removeLast();
    run.images.hang("busybox", true);
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      jobs.forEach(id -> threads.execute(() -> run.stepOnce(id)));
      Awaitility.await().until(() -> run.images.pulls().size() == jobs.size());
      assertThat(missing(run.stepOnce(late)))
          .contains(
              "waits for its turn to have its image pulled: 64 at a time (4 of one user), and 0"
                  + " wait before it");
      run.images.hang("busybox", false);
    }
    run.stepOnce(late);
    assertThat(run.state(late)).isInstanceOf(JobState.Starting.class);
  }

  @Test
  void aJobWhoseDirectoriesCannotBeHadNowWaits() {
    JobId source = submit(Requests.simple());
    run.toTheEnd(source);
    JobId id = submit(Requests.simple().resumeFrom(source));
    run.whenQueuedDispatch();
    run.duringNextSeed =
        () -> {
          throw new StorageException(Kind.UNAVAILABLE, "the agent has too much other work");
        };
    assertThat(missing(run.stepOnce(id))).contains("waits: the agent has too much other work");
    assertThat(run.toTheEnd(id).state()).isInstanceOf(JobState.Succeeded.class);
  }
}
