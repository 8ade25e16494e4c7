package io.gpurunner.agent.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.run.MovableClock;
import io.gpurunner.api.JobId;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On a small disk that is really full. */
class LedgerReserveIT {
  private static final int COMMITS_OF_ENDS = 100;
  private static final int COMMITS_PAST_THE_RESERVE = 2_000;

  @TempDir Path directory;

  @BeforeEach
  void mount() throws Exception {
    Path image = directory.resolve("image");
    Files.createDirectory(disk());
    run("truncate", "-s", "160M", image.toString());
    run("mkfs.ext4", "-q", "-m", "0", image.toString());
    run("mount", "-o", "loop", image.toString(), disk().toString());
  }

  @AfterEach
  void unmount() throws Exception {
    run("umount", disk().toString());
  }

  private Path disk() {
    return directory.resolve("disk");
  }

  private static void run(String... command) throws Exception {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
  }

  @Test
  void endsOfJobsAreRecordedOnAFullDiskAndNoJobIsTakenUntilThereIsRoom() throws Exception {
    LedgerPlace place = LedgerPlace.onDisk(disk().resolve("ledger"));
    LedgerSizes sizes = new LedgerSizes(Long.MAX_VALUE, 64 << 10);
    try (JobLedger ledger = JobLedger.open(place, LedgerStory.CLOCK, sizes)) {
      LedgerStory story = new LedgerStory(ledger, Map.of(), new Random(1));
      story.next();
      assertThat(ledger.fault()).isEmpty();
      Path reserve = disk().resolve("ledger.reserve");
      assertThat(reserve).exists();

      Path other = fill();
      for (int i = 0; i < COMMITS_OF_ENDS; i++) {
        story.next();
      }
      assertThat(reserve).doesNotExist();
      assertThat(ledger.fault()).get().asString().contains("is full", "MB on it");

      Files.delete(other);
      // The file system takes its time to give space back.
      Awaitility.await()
          .atMost(Duration.ofSeconds(30))
          .until(
              () -> {
                ledger.probe();
                return ledger.fault().isEmpty();
              });
      assertThat(reserve).exists();
    }
  }

  /**
   * The reserve helps but once; past it, nothing more is recorded, and nothing that was is lost.
   */
  @Test
  void aDiskThatIsFilledAgainIsNoLossAndNeedsNoRestart() throws Exception {
    LedgerPlace place = LedgerPlace.onDisk(disk().resolve("ledger"));
    LedgerSizes sizes = new LedgerSizes(Long.MAX_VALUE, 64 << 10);
    Map<JobId, Job> answered;
    try (JobLedger ledger = JobLedger.open(place, LedgerStory.CLOCK, sizes)) {
      LedgerStory story = new LedgerStory(ledger, Map.of(), new Random(1));
      Path other = fill();
      LedgerException refused = null;
      for (int i = 0; i < COMMITS_PAST_THE_RESERVE && refused == null; i++) {
        try {
          story.next();
          fill(); // also what the reserve has left
        } catch (LedgerException e) {
          refused = e;
        }
      }
      assertThat(refused).isNotNull().hasMessageContaining("No space left");
      assertThat(ledger.fault()).isPresent();
      answered = story.jobs();

      Files.delete(other);
      Awaitility.await()
          .atMost(Duration.ofSeconds(30))
          .until(
              () -> {
                ledger.probe();
                return ledger.fault().isEmpty();
              });
      assertThat(disk().resolve("ledger.reserve")).exists();
      requireHolds(ledger, answered);
      answered = new HashMap<>(LedgerStory.jobsOf(ledger));
      LedgerStory after = new LedgerStory(ledger, answered, new Random(2));
      after.next();
      answered = after.jobs();
    }
    try (JobLedger ledger = JobLedger.open(place, LedgerStory.CLOCK, sizes)) {
      assertThat(LedgerStory.jobsOf(ledger)).isEqualTo(answered);
    }
  }

  @Test
  void aStartOnAFullDiskHasRoomForWhatTheJournalHas() throws Exception {
    requireStartOnAFullDisk(List.of());
  }

  /** The state is the one after a failed sync. */
  @Test
  void aStartOnAFullDiskHasRoomToWriteTheDatabaseAnew() throws Exception {
    requireStartOnAFullDisk(List.of("ledger.mv.db.unsynced"));
    assertThat(disk().resolve("killed/ledger.mv.db.unsynced")).doesNotExist();
  }

  private void requireStartOnAFullDisk(List<String> marks) throws Exception {
    LedgerSizes sizes = new LedgerSizes(Long.MAX_VALUE, LedgerJournal.BYTES);
    Path killed = Files.createDirectory(disk().resolve("killed"));
    Map<JobId, Job> answered;
    try (JobLedger ledger =
        JobLedger.open(LedgerPlace.onDisk(disk().resolve("ledger")), LedgerStory.CLOCK, sizes)) {
      LedgerStory story = new LedgerStory(ledger, Map.of(), new Random(1));
      for (int i = 0; i < COMMITS_OF_ENDS; i++) {
        story.next();
      }
      answered = story.jobs();
      for (String file :
          List.of("ledger.mv.db", "ledger.journal", "ledger.witness", "ledger.reserve")) {
        Files.copy(disk().resolve(file), killed.resolve(file));
      }
    }
    for (String mark : marks) {
      Files.createFile(killed.resolve(mark));
    }
    fill();
    try (JobLedger ledger =
        JobLedger.open(LedgerPlace.onDisk(killed.resolve("ledger")), LedgerStory.CLOCK, sizes)) {
      assertThat(LedgerStory.jobsOf(ledger)).isEqualTo(answered);
      assertThat(killed.resolve("ledger.reserve")).doesNotExist();
      assertThat(ledger.fault()).get().asString().contains("is full");
    }
  }

  @Test
  void aDatabaseThatHasGrownIsCompactedOnceThereIsRoom() throws Exception {
    LedgerPlace place = LedgerPlace.onDisk(disk().resolve("ledger"));
    MovableClock clock = new MovableClock();
    try (JobLedger ledger = JobLedger.open(place, clock, new LedgerSizes(1 << 20, 0))) {
      LedgerStory story = new LedgerStory(ledger, Map.of(), new Random(1));
      Path other = growWithoutRoom(place, story, 2 << 20, clock);
      Files.delete(other);
      awaitCompaction(place, ledger, clock);

      // Less than its whole length is enough, where it was shorter the last time.
      long need = 2 * place.bytes() + LedgerReserve.ROOM_BYTES + (1 << 20);
      other = growWithoutRoom(place, story, 8 << 20, clock);
      shorten(other, need - usableBytes());
      assertThat(usableBytes()).isLessThan(place.bytes() + LedgerReserve.ROOM_BYTES);
      awaitCompaction(place, ledger, clock);
      assertThat(LedgerStory.jobsOf(ledger)).isEqualTo(story.jobs());
    }
  }

  /**
   * @return what takes the room
   */
  private Path growWithoutRoom(LedgerPlace place, LedgerStory story, long to, MovableClock clock)
      throws IOException {
    Path other = fill();
    shorten(other, 60 << 20); // more than the file needs, less than with a spare
    while (place.bytes() < to) {
      long before = place.bytes();
      story.next();
      assertThat(place.bytes()).isGreaterThanOrEqualTo(before);
      clock.advance(Duration.ofMinutes(11));
    }
    return other;
  }

  private static void shorten(Path file, long bytes) throws IOException {
    try (FileChannel cut = FileChannel.open(file, StandardOpenOption.WRITE)) {
      cut.truncate(cut.size() - bytes);
    }
  }

  private long usableBytes() throws IOException {
    return Files.getFileStore(disk()).getUsableSpace();
  }

  private static void awaitCompaction(LedgerPlace place, JobLedger ledger, MovableClock clock) {
    long grown = place.bytes();
    Awaitility.await()
        .atMost(Duration.ofSeconds(30))
        .until(
            () -> {
              clock.advance(Duration.ofMinutes(11));
              ledger.probe();
              return place.bytes() < grown / 2;
            });
  }

  /** The commit that was refused may be there or not. */
  private static void requireHolds(JobLedger ledger, Map<JobId, Job> answered) {
    Map<JobId, Job> found = LedgerStory.jobsOf(ledger);
    assertThat(found.keySet()).containsAll(answered.keySet());
    assertThat(found.values().stream().filter(job -> !job.equals(answered.get(job.id()))))
        .hasSizeBetween(0, 1);
  }

  /** Every last byte. */
  private Path fill() {
    Path other = disk().resolve("other");
    for (int size = 1 << 20; size >= 512; size /= 2) {
      try (OutputStream out =
          Files.newOutputStream(other, StandardOpenOption.CREATE, StandardOpenOption.APPEND)) {
        while (true) {
          out.write(new byte[size]);
        }
      } catch (IOException full) {
        assertThat(full).hasMessageContaining("No space left");
      }
    }
    return other;
  }
}
