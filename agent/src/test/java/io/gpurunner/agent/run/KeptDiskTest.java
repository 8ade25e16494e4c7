package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.FakeContainerRuntime.Program;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.agent.log.RunLogs;
import io.gpurunner.api.DiskUse;
import io.gpurunner.api.JobId;
import io.gpurunner.storage.ArtifactPlace;
import io.gpurunner.storage.KeptFolders;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a user has on the disk is limited, shown, and freed by a purge. */
class KeptDiskTest {
  private static final int WEIGHTS = 3_000_000;

  @TempDir Path directory;

  private static Dispatcher dispatcher(RunHarness run, UserDisk users) {
    return new Dispatcher(
        run.ledger,
        run.gpus,
        run.volumes,
        new ArtifactPlace.Local(),
        run.gate,
        run.clock,
        Duration.ofSeconds(30),
        UserLimits.DEFAULT,
        users);
  }

  private static long need(Job job) {
    return new DiskSpace(0, true, RunLogs.MOST_BYTES_OF_A_RUN).need(job.request());
  }

  @Test
  void aJobWaitsUntilItsUserHasPurgedAnotherAndOtherUsersDoNotWait() {
    try (RunHarness run = new RunHarness(directory)) {
      JobId first = run.submit(Requests.simple(), Program.endsAfter(Duration.ofSeconds(1), 0));
      run.settle(first);
      run.writeModel(first, "ds_model.bin", "w".repeat(WEIGHTS));
      Job ended = run.toTheEnd(first);
      long limit = need(ended) + WEIGHTS / 2;
      KeptDisk disk = new KeptDisk(run.ledger, new KeptFolders(directory), OptionalLong.of(limit));
      run.ledger.listen(disk::heardOf);
      Dispatcher dispatcher = dispatcher(run, disk);
      JobId second =
          run.ledger.create(Requests.ANN, Requests.simple().build(), "{}", Optional.empty()).id();

      dispatcher.round();
      assertThat(dispatcher.whyWaiting(second)).as("nothing is measured yet").isPresent();
      disk.round();
      assertThat(disk.keptBytes(ended.user())).isBetween((long) WEIGHTS, 4L * WEIGHTS);
      assertThat(dispatcher.diskOf(ended.user()))
          .contains(new DiskUse(0, disk.keptBytes(ended.user()), limit));
      dispatcher.round();
      assertThat(dispatcher.whyWaiting(second))
          .get()
          .extracting(Placement.Waiting::reason)
          .asString()
          .startsWith("waits for disk space of " + ended.user() + ": it needs ")
          .contains("gpurunner purge JOB");

      assertThat(run.ledger.purge(first, ended.user())).isTrue();
      try (Retention retention =
          new Retention(
              run.ledger,
              run.volumes,
              Optional.of(run.store),
              Duration.ofDays(30),
              Duration.ofDays(1),
              run.clock,
              run.clock)) {
        retention.round();
      }
      assertThat(disk.keptBytes(ended.user())).isZero();
      dispatcher.round();
      assertThat(dispatcher.whyWaiting(second)).isEmpty();
      assertThat(dispatcher.diskOf(ended.user())).contains(new DiskUse(need(ended), 0, limit));
      assertThat(dispatcher.neverFits(ended.request())).isEmpty();
      disk.close();
    }
  }

  @Test
  void aJobThatNeedsMoreThanAUserMayEverHaveIsRefused() {
    try (RunHarness run = new RunHarness(directory)) {
      KeptDisk disk = new KeptDisk(run.ledger, new KeptFolders(directory), OptionalLong.of(1));

      assertThat(dispatcher(run, disk).neverFits(Requests.simple().build()))
          .get()
          .asString()
          .contains("limits.disk-per-user", "smaller volumes");
      assertThat(run.newDispatcher().neverFits(Requests.simple().build())).isEmpty();
      assertThat(run.newDispatcher().diskOf("ann")).isEmpty();
      disk.close();
    }
  }
}
