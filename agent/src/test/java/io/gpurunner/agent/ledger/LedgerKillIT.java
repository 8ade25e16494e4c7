package io.gpurunner.agent.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.agent.ledger.disk.LedgerPlace;
import io.gpurunner.api.JobId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What a kill leaves of the ledger. The file as it is at some instant is what a process killed at
 * that instant leaves behind, so a copy of it stands for a kill. Files that are not whole yet, and
 * change their names, are left out: a start does without them.
 */
class LedgerKillIT {
  /** So long are other processes killed meanwhile. */
  private static final Duration KILLS = Duration.ofSeconds(46);

  /** So small that there are several. */
  private static final int SEGMENT_BYTES = 4_096;

  private static final int COMMITS_BEFORE = 60;
  private static final int COMMITS_AFTER = 60;

  @TempDir Path directory;

  @Test
  void everyJobThatWasAnsweredForIsThereAfterAKillLateInTheAgentsLife() throws Exception {
    List<JobId> answered = new ArrayList<>();
    LedgerPlace place = LedgerPlace.onDisk(directory.resolve("ledger"));
    try (JobLedger ledger = open(place)) {
      for (int i = 0; i < COMMITS_BEFORE; i++) {
        answered.add(create(ledger));
      }
      // Meanwhile, real kills of others.
      new KillCampaign(directory.resolve("killed-often")).runUntil(Instant.now().plus(KILLS));
      for (int i = 0; i < COMMITS_AFTER; i++) {
        answered.add(create(ledger));
        assertAllThere(answered);
      }
    }
  }

  private static JobLedger open(LedgerPlace place) {
    return JobLedger.open(place, Clock.systemUTC(), CommitWatch.NONE, SEGMENT_BYTES);
  }

  private static JobId create(JobLedger ledger) {
    return switch (ledger.create(Requests.ANN, Requests.simple().build(), "{}", Optional.empty())) {
      case Creation.Created created -> created.id();
      case Creation.Existing _, Creation.KeyReused _ -> throw new AssertionError("no key was sent");
    };
  }

  private void assertAllThere(List<JobId> answered) throws IOException {
    Path killed = Files.createDirectories(directory.resolve("killed"));
    while (!copyAsIs(killed)) {
      // A snapshot was made meanwhile, and a file that was listed is gone.
    }
    try (JobLedger ledger = open(LedgerPlace.onDisk(killed))) {
      assertThat(ledger.live()).extracting(Job::id).containsExactlyInAnyOrderElementsOf(answered);
    }
  }

  /** Copies the files as they are now; returns false if one of them went meanwhile. */
  private boolean copyAsIs(Path target) throws IOException {
    try (Stream<Path> old = Files.list(target)) {
      for (Path file : old.toList()) {
        Files.delete(file);
      }
    }
    try (Stream<Path> files = Files.list(directory.resolve("ledger"))) {
      for (Path file : files.filter(name -> !name.toString().endsWith(".part")).toList()) {
        Files.copy(file, target.resolve(file.getFileName()));
      }
      return true;
    } catch (NoSuchFileException gone) {
      return false;
    }
  }
}
