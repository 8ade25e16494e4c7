package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.FakeContainerRuntime.Program;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.JobId;
import io.gpurunner.storage.ArtifactPublisher;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code make soak}: 200 jobs wait an hour for their upload behind uploads that take that long, and
 * the memory that they hold does not grow. Real loops, ledger and store. {@code make test} does not
 * run it, because of its name.
 */
class UploadSoakCampaign {
  private static final int MINUTES = Integer.getInteger("gpurunner.soak-minutes", 60);
  private static final int WAITING = 200;

  /**
   * The memory that loops, the ledger's cache and the log take once. It must not grow while jobs
   * wait.
   */
  private static final long GROWTH_LIMIT_BYTES = 2 << 20;

  private static final Duration LOOK_INTERVAL = Duration.ofMinutes(1);
  private static final Duration END_LIMIT = Duration.ofMinutes(5);

  @TempDir Path directory;

  @Test
  void waitingForAnUploadTakesNoMemory() {
    CountDownLatch pass = new CountDownLatch(1);
    try (RunHarness run = new RunHarness(directory)) {
      List<JobId> jobs = new ArrayList<>();
      for (int job = 0; job < WAITING + ArtifactPublisher.AT_A_TIME; job++) {
        JobId id =
            run.submit(Requests.simple().gpus(0), Program.endsAfter(Duration.ofSeconds(1), 0));
        run.until(id, JobState.Uploading.class);
        jobs.add(id);
      }
      run.store.holdUntil(pass);
      try (JobRunner runner = run.runner()) {
        runner.start();
        Awaitility.await()
            .atMost(END_LIMIT)
            .until(() -> jobs.stream().filter(id -> waits(runner, id)).count() == WAITING);
        long first = liveBytes();
        long now = first;
        for (int minute = 1; minute <= MINUTES; minute++) {
          Awaitility.await()
              .pollDelay(LOOK_INTERVAL.toSeconds(), TimeUnit.SECONDS)
              .atMost(LOOK_INTERVAL.multipliedBy(2))
              .until(() -> true);
          now = liveBytes();
          System.out.printf(
              "after %d min %d jobs wait, %d KiB are live, %+d KiB since the beginning%n",
              minute, WAITING, now >> 10, (now - first) >> 10);
        }
        assertThat(now - first).isLessThan(GROWTH_LIMIT_BYTES);
        pass.countDown();
        Awaitility.await()
            .atMost(END_LIMIT)
            .until(() -> jobs.stream().allMatch(id -> run.state(id) instanceof JobState.Succeeded));
      } finally {
        pass.countDown();
      }
    }
  }

  private static boolean waits(JobRunner runner, JobId id) {
    return runner
        .missing(id)
        .filter(reason -> reason.contains("its turn to be uploaded"))
        .isPresent();
  }

  private static long liveBytes() {
    System.gc();
    return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
  }
}
