package io.gpurunner.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import io.gpurunner.storage.StorageException.Kind;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A disk reports a failed write only once, to the sync that follows it. */
class FailedSyncTest {
  private static final long LIMIT = 1 << 20;
  private static final Duration TEN_SECONDS = Duration.ofSeconds(10);
  private static final JobFolder ONE = new JobFolder("one");
  private static final JobFolder OTHER = new JobFolder("other");
  private static final JobFolder LATER = new JobFolder("later");

  @TempDir Path jobs;
  private final Deque<Command.Result> answers = new ArrayDeque<>();
  private Optional<StorageException> failure = Optional.empty();

  @Test
  void countsForAllThatHadFilesThen() {
    try (JobVolumes volumes = prepared()) {
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

  @Test
  void oneThatDoesNotEndCountsAsFailed() {
    failure = Optional.of(new StorageException(Kind.UNAVAILABLE, "sync did not end within 9 s"));
    try (JobVolumes volumes = prepared()) {
      requireUnfit(volumes, ONE, "did not end");
      failure = Optional.empty();
      requireUnfit(volumes, OTHER, "could not be synced before");
    }
  }

  @Test
  void oneThatCannotBeginOrIsKilledIsWorthAnotherTry() {
    failure = Optional.of(new StorageException(Kind.REFUSED, "cannot run sync: error=2"));
    try (JobVolumes volumes = prepared()) {
      requireKind(volumes, ONE, "cannot run sync", Kind.UNAVAILABLE);
      failure = Optional.empty();
      answers.add(Command.run(TEN_SECONDS, List.of("sh", "-c", "kill -KILL $$")));
      requireKind(volumes, ONE, "killed", Kind.UNAVAILABLE);
      volumes.sync(ONE);
      volumes.sync(OTHER);
    }
  }

  private JobVolumes prepared() {
    JobVolumes volumes = new DirectoryJobVolumes(jobs, 0, new Watching(), this::sync);
    volumes.prepare(ONE, LIMIT, LIMIT);
    volumes.prepare(OTHER, LIMIT, LIMIT);
    return volumes;
  }

  private Command.Result sync(List<String> words) {
    assertThat(words).startsWith("sync", "--file-system");
    failure.ifPresent(
        told -> {
          throw told;
        });
    return answers.isEmpty() ? new Command.Result(0, "") : answers.remove();
  }

  private static void requireUnfit(JobVolumes volumes, JobFolder folder, String words) {
    requireKind(volumes, folder, words, Kind.UNFIT);
  }

  private static void requireKind(
      JobVolumes volumes, JobFolder folder, String words, Kind expected) {
    assertThatThrownBy(() -> volumes.sync(folder))
        .hasMessageContaining(words)
        .asInstanceOf(type(StorageException.class))
        .extracting(StorageException::kind)
        .isEqualTo(expected);
  }
}
