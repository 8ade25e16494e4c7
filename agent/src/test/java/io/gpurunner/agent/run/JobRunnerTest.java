package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.gpurunner.agent.container.FakeContainerRuntime.Program;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.JobId;
import io.gpurunner.storage.StorageException;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JobRunnerTest {
  @TempDir Path directory;

  /** If the store's client is closed during an upload, the store did not refuse the upload. */
  @Test
  void whatAStepSaysWhileTheAgentEndsIsNotRecorded() {
    try (RunHarness run = new RunHarness(directory)) {
      JobId id = run.submit(Requests.simple(), Program.endsAfter(Duration.ofSeconds(1), 0));
      run.settle(id);
      run.writeModel(id, "ds_model.bin", "weights");
      run.until(id, JobState.Uploading.class);
      JobRunner runner = run.runner();
      Thread closing = Thread.ofPlatform().unstarted(runner::close);
      run.store.failNext(StorageException.Kind.REFUSED);
      run.store.duringNext(
          () -> {
            closing.start();
            await().until(() -> closing.getState() == Thread.State.TIMED_WAITING);
          });
      runner.start();
      await().until(() -> closing.getState() == Thread.State.TERMINATED);
      assertThat(run.state(id)).isInstanceOf(JobState.Uploading.class);
      run.restart("boot-1");
      assertThat(run.toTheEnd(id).state()).isInstanceOf(JobState.Succeeded.class);
    }
  }
}
