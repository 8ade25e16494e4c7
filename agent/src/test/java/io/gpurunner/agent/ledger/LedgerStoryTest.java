package io.gpurunner.agent.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.job.JobState;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The stories that cuts and kills interrupt have everything in them that an agent records. */
class LedgerStoryTest {
  private static final int STORIES = 40;

  /** The number of commits, the same as in {@link PowerLossTest}. */
  private static final int COMMITS = 40;

  @TempDir Path directory;

  @Test
  void everyKindOfCommitIsInSomeStories() {
    Set<String> seen = new TreeSet<>();
    for (int seed = 0; seed < STORIES; seed++) {
      Path file = directory.resolve("ledger-" + seed);
      try (JobLedger ledger = JobLedger.open(file, LedgerStory.CLOCK)) {
        LedgerStory story = new LedgerStory(ledger, Map.of(), new Random(seed));
        for (int i = 0; i < COMMITS; i++) {
          LedgerStory.Answer answer = story.next();
          answer.job().ifPresent(job -> see(job, seen));
          answer.key().ifPresent(_ -> seen.add("key"));
          answer.callback().ifPresent(callback -> seen.add(callback.status()));
          if (answer.removed() > 0) {
            seen.add("record removed");
          }
          LedgerStory.Content.of(ledger)
              .callbacks()
              .values()
              .forEach(callback -> seen.add(callback.status()));
        }
      }
    }
    assertThat(seen)
        .contains("key", "deletion requested", "run again", "upload resumed", "record removed")
        .contains("PENDING", "DELIVERED", "ABANDONED", "SUPERSEDED", "SWEEPING", "SWEPT");
  }

  private static void see(Job job, Set<String> seen) {
    job.deletion().ifPresent(_ -> seen.add("deletion requested"));
    if (job.state() instanceof JobState.Queued queued && queued.attempt() > 1) {
      seen.add("run again");
    }
    if (job.state() instanceof JobState.Uploading uploading
        && uploading.giveUpAt().equals(uploading.notBefore())) {
      seen.add("upload resumed");
    }
    if (job.files() != JobFiles.KEPT) {
      seen.add(job.files().name());
    }
  }
}
