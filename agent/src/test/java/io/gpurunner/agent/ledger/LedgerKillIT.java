package io.gpurunner.agent.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.JobId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What a kill leaves of the ledger. The file as it is at some instant is what a process killed at
 * that instant leaves behind, so a copy of it stands for a kill.
 */
class LedgerKillIT {
  /**
   * H2 gives the space of dead chunks free after 45 s (RETENTION_TIME), and only from then on can
   * it write into gaps.
   */
  private static final Duration CHUNK_RETENTION = Duration.ofSeconds(46);

  /** For some commits: the file is as after any number of them. */
  private static final int JOURNAL_BYTES = 4_096;

  private static final int COMMITS_BEFORE = 60;
  private static final int COMMITS_AFTER = 60;

  @TempDir Path directory;

  @Test
  void everyJobThatWasAnsweredForIsThereAfterAKillLateInTheAgentsLife() throws Exception {
    List<JobId> answered = new ArrayList<>();
    LedgerPlace place = LedgerPlace.onDisk(directory.resolve("ledger"));
    LedgerSizes sizes = new LedgerSizes(Long.MAX_VALUE, JOURNAL_BYTES);
    try (JobLedger ledger = JobLedger.open(place, Clock.systemUTC(), sizes)) {
      for (int i = 0; i < COMMITS_BEFORE; i++) {
        answered.add(create(ledger));
      }
      // Meanwhile, real kills of others.
      new KillCampaign(directory.resolve("killed-often"))
          .runUntil(Instant.now().plus(CHUNK_RETENTION));
      for (int i = 0; i < COMMITS_AFTER; i++) {
        answered.add(create(ledger));
        assertAllThere(answered);
      }
    }
  }

  @Test
  void theFileIsCompactedOnceItHasGrownAndHoldsTheSame() throws Exception {
    long compactFrom = 2 << 20;
    Path database = directory.resolve("ledger");
    List<JobId> answered = new ArrayList<>();
    long largest = 0;
    LedgerPlace place = LedgerPlace.onDisk(database);
    LedgerSizes sizes = new LedgerSizes(compactFrom, JOURNAL_BYTES);
    try (JobLedger ledger = JobLedger.open(place, Clock.systemUTC(), sizes)) {
      while (largest <= compactFrom) {
        answered.add(create(ledger));
        largest = Math.max(largest, Files.size(directory.resolve("ledger.mv.db")));
      }
      // The next commit waits for the compaction that the last one began.
      answered.add(create(ledger));
      assertThat(Files.size(directory.resolve("ledger.mv.db"))).isLessThan(compactFrom / 2);
      assertThat(ledger.find(answered.getFirst())).isPresent();
      assertAllThere(answered);
    }
    assertThat(place.next().isAbsent()).isTrue();
  }

  private static JobId create(JobLedger ledger) {
    return switch (ledger.create(Requests.ANN, Requests.simple().build(), "{}", Optional.empty())) {
      case Creation.Created created -> created.id();
      case Creation.Existing _, Creation.KeyReused _ -> throw new AssertionError("no key was sent");
    };
  }

  private void assertAllThere(List<JobId> answered) throws IOException {
    Path killed = directory.resolve("killed");
    for (String part : List.of(".mv.db", ".journal")) {
      Files.copy(
          directory.resolve("ledger" + part),
          directory.resolve("killed" + part),
          StandardCopyOption.REPLACE_EXISTING);
    }
    LedgerPlace copy = LedgerPlace.onDisk(killed);
    try (LedgerFile file = LedgerFile.open(copy, Clock.systemUTC(), JOURNAL_BYTES)) {
      assertThat(new JobRows().loadLive(file.writing()))
          .extracting(row -> row.job().id())
          .containsExactlyElementsOf(answered);
    }
  }
}
