package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.FakeContainerRuntime.Program;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.JobId;
import io.gpurunner.storage.StorageException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class UploadPauseTest {
  private static final int FAILURES = 12;

  @TempDir Path directory;

  @Test
  void thePauseBetweenUploadsDoublesUpToItsLimit() {
    try (RunHarness run = new RunHarness(directory)) {
      run.restartWithUploadsRetriedFor(Duration.ofDays(1));
      JobId id = run.submit(Requests.simple(), Program.endsAfter(Duration.ofSeconds(1), 0));
      run.settle(id);
      run.writeModel(id, "ds_model.bin", "weights");
      for (int failure = 0; failure < FAILURES; failure++) {
        run.store.failNext(StorageException.Kind.UNAVAILABLE);
      }
      run.until(id, JobState.Uploading.class);

      List<Duration> pauses = new ArrayList<>();
      while (run.settle(id).state() instanceof JobState.Uploading waiting) {
        Instant now = run.clock.instant();
        pauses.add(Duration.between(now, waiting.notBefore()));
        run.clock.moveTo(waiting.notBefore());
      }
      assertThat(run.state(id)).isInstanceOf(JobState.Succeeded.class);
      assertThat(pauses).hasSize(FAILURES).endsWith(Duration.ofMinutes(10), Duration.ofMinutes(10));
      for (int at = 1; at < FAILURES; at++) {
        Duration twice = pauses.get(at - 1).multipliedBy(2);
        Duration limit = Duration.ofMinutes(10);
        assertThat(pauses.get(at)).isEqualTo(twice.compareTo(limit) < 0 ? twice : limit);
      }
    }
  }
}
