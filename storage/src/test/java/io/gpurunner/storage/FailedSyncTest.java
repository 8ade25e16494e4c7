package io.gpurunner.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import io.gpurunner.storage.StorageException.Kind;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A disk tells that it failed to write once only, to whoever syncs next. */
class FailedSyncTest {
  private static final long LIMIT = 1 << 20;
  private static final JobFolder ONE = new JobFolder("one");
  private static final JobFolder OTHER = new JobFolder("other");
  private static final JobFolder LATER = new JobFolder("later");

  @TempDir Path jobs;
  private final Deque<Command.Result> answers = new ArrayDeque<>();

  @Test
  void countsForAllThatHadFilesThen() {
    try (JobVolumes volumes = new DirectoryJobVolumes(jobs, 0, new Watching(), this::sync)) {
      volumes.prepare(ONE, LIMIT, LIMIT);
      volumes.prepare(OTHER, LIMIT, LIMIT);
      answers.add(new Command.Result(1, "sync: error syncing '/x': Input/output error"));
      requireUnfit(volumes, ONE, "Input/output error");
      requireUnfit(volumes, ONE, "could not be synced before");
      requireUnfit(volumes, OTHER, "could not be synced before");

      volumes.prepare(LATER, LIMIT, LIMIT);
      volumes.sync(LATER);
      volumes.delete(OTHER);
      volumes.prepare(OTHER, LIMIT, LIMIT);
      volumes.sync(OTHER);
    }
  }

  private Command.Result sync(List<String> words) {
    assertThat(words).startsWith("sync", "--file-system");
    return answers.isEmpty() ? new Command.Result(0, "") : answers.remove();
  }

  private static void requireUnfit(JobVolumes volumes, JobFolder folder, String words) {
    assertThatThrownBy(() -> volumes.sync(folder))
        .hasMessageContaining(words)
        .asInstanceOf(type(StorageException.class))
        .extracting(StorageException::kind)
        .isEqualTo(Kind.UNFIT);
  }
}
