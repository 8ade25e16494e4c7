package io.gpurunner.agent.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.ledger.disk.LedgerDisk;
import io.gpurunner.agent.ledger.disk.LedgerPlace;
import io.gpurunner.api.JobId;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On a small disk that is really full. */
class LedgerReserveIT {
  private static final int COMMITS = 100;
  private static final int COMMITS_PAST_ALL_ROOM = 5_000;

  private static final int SMALL_SEGMENT_BYTES = 256 << 10;

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

  private static JobLedger open(Path ledger, int segmentBytes) {
    return JobLedger.open(
        LedgerPlace.onDisk(ledger), LedgerStory.CLOCK, CommitWatch.NONE, segmentBytes);
  }

  @Test
  void endsOfJobsAreRecordedOnAFullDiskAndNoJobIsTakenUntilThereIsRoom() throws Exception {
    Path ledger = disk().resolve("ledger");
    try (JobLedger opened = open(ledger, SMALL_SEGMENT_BYTES)) {
      LedgerStory story = new LedgerStory(opened, Map.of(), new Random(1));
      story.next();
      assertThat(opened.fault()).isEmpty();
      assertThat(ledger.resolve("reserve")).exists();
      assertThat(ledger.resolve("spare")).exists();

      Path other = fill();
      for (int i = 0; i < COMMITS; i++) {
        next(story);
      }
      Awaitility.await("the journal to have taken what was kept for it")
          .atMost(Duration.ofSeconds(60))
          .until(
              () -> {
                next(story);
                return !Files.exists(ledger.resolve("reserve"));
              });
      Awaitility.await("the index to be asked again")
          .atMost(Duration.ofSeconds(30))
          .ignoreExceptions()
          .until(() -> LedgerStory.jobsOf(opened).equals(story.jobs()));
      assertThat(opened.fault()).get().asString().contains("is full", "MB on it");

      Files.delete(other);
      awaitRoom(opened);
      assertThat(ledger.resolve("reserve")).exists();
    }
  }

  /** One more commit, or none: some look first what ended jobs there are. */
  private static void next(LedgerStory story) {
    try {
      story.next();
    } catch (LedgerException e) {
      if (e.kind() != LedgerException.Kind.FAILED) {
        throw e;
      }
    }
  }

  private static void awaitRoom(JobLedger ledger) {
    Awaitility.await("the ledger to see that there is room") // a file system takes its time
        .atMost(Duration.ofSeconds(30))
        .until(
            () -> {
              ledger.probe();
              return ledger.fault().isEmpty();
            });
  }

  /** Once all that was kept is used up, nothing more is recorded, and nothing that was is lost. */
  @Test
  void aDiskThatIsFilledAgainIsNoLossAndNeedsNoRestart() throws Exception {
    Path ledger = disk().resolve("ledger");
    Map<JobId, Job> answered;
    try (JobLedger opened = open(ledger, SMALL_SEGMENT_BYTES)) {
      LedgerStory story = new LedgerStory(opened, Map.of(), new Random(1));
      Path other = fill();
      LedgerException refused = null;
      for (int i = 0; i < COMMITS_PAST_ALL_ROOM && refused == null; i++) {
        try {
          next(story);
          fill(); // also what was given up
        } catch (LedgerException e) {
          refused = e;
        }
      }
      assertThat(refused).isNotNull().hasMessageContaining("No space left");
      assertThat(opened.fault()).isPresent();
      answered = story.jobs();

      Files.delete(other);
      awaitRoom(opened);
      assertThat(ledger.resolve("reserve")).exists();
      requireHolds(opened, answered);
      answered = new HashMap<>(LedgerStory.jobsOf(opened));
      LedgerStory after = new LedgerStory(opened, answered, new Random(2));
      after.next();
      answered = after.jobs();
    }
    try (JobLedger opened = open(ledger, SMALL_SEGMENT_BYTES)) {
      assertThat(LedgerStory.jobsOf(opened)).isEqualTo(answered);
    }
  }

  /** The commit that was refused may be there or not. */
  private static void requireHolds(JobLedger ledger, Map<JobId, Job> answered) {
    Map<JobId, Job> found = LedgerStory.jobsOf(ledger);
    assertThat(found.keySet()).containsAll(answered.keySet());
    assertThat(found.values().stream().filter(job -> !job.equals(answered.get(job.id()))))
        .hasSizeBetween(0, 1);
  }

  @Test
  void aStartOnAFullDiskGoesOnWhereTheOneBeforeWasKilled() throws Exception {
    Path killed = disk().resolve("killed");
    Map<JobId, Job> answered;
    try (JobLedger opened = open(disk().resolve("ledger"), LedgerDisk.SEGMENT_BYTES)) {
      LedgerStory story = new LedgerStory(opened, Map.of(), new Random(1));
      for (int i = 0; i < COMMITS; i++) {
        story.next();
      }
      answered = story.jobs();
      copy(disk().resolve("ledger"), killed);
    }
    fill();
    try (JobLedger opened = open(killed, LedgerDisk.SEGMENT_BYTES)) {
      Awaitility.await("the index to be asked")
          .atMost(Duration.ofSeconds(30))
          .ignoreExceptions()
          .until(() -> LedgerStory.jobsOf(opened).equals(answered));
      LedgerStory story = new LedgerStory(opened, answered, new Random(2));
      for (int i = 0; i < COMMITS; i++) {
        story.next();
      }
      Awaitility.await("the ledger to say that it needs room")
          .atMost(Duration.ofSeconds(30))
          .until(() -> opened.fault().isPresent());
      assertThat(opened.fault()).get().asString().contains(killed.toString(), "free");
    }
  }

  private static void copy(Path from, Path to) throws IOException {
    Files.createDirectory(to);
    try (Stream<Path> files = Files.list(from)) {
      for (Path file : files.toList()) {
        Files.copy(file, to.resolve(file.getFileName()));
      }
    }
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
