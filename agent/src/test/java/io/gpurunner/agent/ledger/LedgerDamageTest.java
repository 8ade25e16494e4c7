package io.gpurunner.agent.ledger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.ledger.disk.LedgerPlace;
import io.gpurunner.api.JobId;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What is not as it was written costs nothing where it can be made again, and is refused with its
 * name where it cannot: a ledger never comes back as a shorter one. {@code -Dgpurunner.damages=n}
 * makes more of them.
 */
class LedgerDamageTest {
  private static final int DAMAGES = Integer.getInteger("gpurunner.damages", 60);

  /** So small that a life has several, and snapshots. */
  private static final int SEGMENT_BYTES = 8_192;

  private static final int COMMITS = 60;

  @TempDir Path directory;

  private JobLedger open(Path ledger) {
    return JobLedger.open(
        LedgerPlace.onDisk(ledger), LedgerStory.CLOCK, CommitWatch.NONE, SEGMENT_BYTES);
  }

  /** What may happen to the index. */
  private enum Damage {
    DELETED,
    CUT_SHORT,
    RANDOM_BYTES,
    OLDER_COPY,
    OF_ANOTHER_LEDGER
  }

  @Test
  void whateverHappensToTheIndexNothingIsLostAndNoAnswerIsWrong() throws IOException {
    Path other = directory.resolve("other");
    live(other, LedgerStory.Content.EMPTY, new Random(-1));
    for (int seed = 0; seed < DAMAGES; seed++) {
      Random random = new Random(seed);
      Path ledger = directory.resolve("ledger-" + seed);
      LedgerStory.Content content = live(ledger, LedgerStory.Content.EMPTY, random);
      Path older = copy(ledger, directory.resolve("older-" + seed));
      content = live(ledger, content, random);
      Damage damage = Damage.values()[seed % Damage.values().length];
      damage(ledger.resolve("index.mv"), damage, older, other, random);
      try (JobLedger opened = open(ledger)) {
        assertThat(LedgerStory.Content.of(opened)).as(damage + ", seed " + seed).isEqualTo(content);
        new LedgerStory(opened, content.jobs(), random).next();
      }
    }
  }

  /** Some commits; the files are left as a kill leaves them, or as an end does. */
  private LedgerStory.Content live(Path ledger, LedgerStory.Content known, Random random)
      throws IOException {
    Path killed = ledger.resolveSibling(ledger.getFileName() + "-killed");
    LedgerStory.Content content;
    boolean kill = random.nextBoolean();
    try (JobLedger opened = open(ledger)) {
      LedgerStory story = new LedgerStory(opened, known.jobs(), random);
      for (int left = random.nextInt(COMMITS); left >= 0; left--) {
        story.next();
      }
      content = LedgerStory.Content.of(opened);
      if (kill) {
        copy(ledger, killed);
      }
    }
    if (kill) {
      delete(ledger);
      Files.move(killed, ledger);
    }
    return content;
  }

  private static void damage(Path index, Damage damage, Path older, Path other, Random random)
      throws IOException {
    switch (damage) {
      case DELETED -> Files.delete(index);
      case CUT_SHORT -> {
        try (FileChannel file = FileChannel.open(index, StandardOpenOption.WRITE)) {
          file.truncate(random.nextLong(file.size()));
        }
      }
      case RANDOM_BYTES -> {
        byte[] bytes = new byte[random.nextInt(100_000)];
        random.nextBytes(bytes);
        Files.write(index, bytes);
      }
      case OLDER_COPY -> replace(index, older.resolve("index.mv"));
      case OF_ANOTHER_LEDGER -> replace(index, other.resolve("index.mv"));
    }
  }

  private static void replace(Path index, Path by) throws IOException {
    Files.copy(by, index, StandardCopyOption.REPLACE_EXISTING);
  }

  @Test
  void aBitThatIsFlippedInASegmentOrASnapshotIsNoticedOrCostsNothing() throws IOException {
    Set<String> seen = new HashSet<>();
    Random random = new Random(1);
    Path whole = directory.resolve("whole");
    LedgerStory.Content content = LedgerStory.Content.EMPTY;
    for (int life = 0; life < 4; life++) {
      content = live(whole, content, random);
    }
    open(whole).close(); // what is last in a journal that was not closed may be torn
    List<String> files = namesIn(whole).stream().filter(name -> !name.contains("index")).toList();
    for (int i = 0; i < DAMAGES; i++) {
      Path ledger = copy(whole, directory.resolve("flipped-" + i));
      String name = files.get(random.nextInt(files.size()));
      flipABit(ledger.resolve(name), random);
      Files.deleteIfExists(ledger.resolve("index.mv"));
      try (JobLedger opened = open(ledger)) {
        assertThat(LedgerStory.Content.of(opened)).as(name).isEqualTo(content);
        seen.add("costs nothing");
      } catch (LedgerException refused) {
        assertThat(refused).as(name).hasMessageContainingAll(name, "gpurunner restore");
        seen.add("refused");
      }
    }
    assertThat(seen).contains("costs nothing", "refused");
  }

  @Test
  void oneOfTheTwoSnapshotsMayBeGoneAsOftenAsFilesAreSeenTo() throws IOException {
    Random random = new Random(1);
    Path whole = directory.resolve("whole");
    LedgerStory.Content content;
    try (JobLedger opened = open(whole)) {
      LedgerStory story = new LedgerStory(opened, Map.of(), random);
      for (int commit = 0; commit < 4 * COMMITS; commit++) {
        story.next();
        opened.tidy();
        opened.tidy();
      }
      content = LedgerStory.Content.of(opened);
    }
    List<String> snapshots =
        namesIn(whole).stream().filter(name -> name.startsWith("snapshot-")).toList();
    assertThat(snapshots).hasSize(2);
    for (String gone : snapshots) {
      Path ledger = copy(whole, directory.resolve("without-" + gone));
      Files.writeString(ledger.resolve(gone), "not a snapshot");
      Files.delete(ledger.resolve("index.mv"));
      try (JobLedger opened = open(ledger)) {
        assertThat(LedgerStory.Content.of(opened)).as(gone).isEqualTo(content);
      }
    }
  }

  private static void flipABit(Path file, Random random) throws IOException {
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      if (channel.size() == 0) {
        return;
      }
      long at = random.nextLong(channel.size());
      ByteBuffer one = ByteBuffer.allocate(1);
      channel.read(one, at);
      one.put(0, (byte) (one.get(0) ^ (1 << random.nextInt(8)))).rewind();
      channel.write(one, at);
    }
  }

  @Test
  void aFileThatIsGoneOrCutShortIsNamed() throws IOException {
    Path ledger = directory.resolve("ledger");
    Random random = new Random(2);
    LedgerStory.Content content = LedgerStory.Content.EMPTY;
    while (namesIn(ledger).stream().filter(name -> name.startsWith("journal-")).count() < 3) {
      content = live(ledger, content, random);
    }
    List<String> segments =
        namesIn(ledger).stream().filter(name -> name.startsWith("journal-")).sorted().toList();
    Path cut = copy(ledger, directory.resolve("cut"));
    try (FileChannel file =
        FileChannel.open(cut.resolve(segments.getLast()), StandardOpenOption.WRITE)) {
      file.truncate(file.size() - 1);
    }
    assertThatThrownBy(() -> open(cut))
        .isInstanceOf(LedgerException.class)
        .hasMessageContainingAll(segments.getLast(), "cut short", "gpurunner restore");

    Files.delete(ledger.resolve(segments.get(segments.size() - 2)));
    Files.deleteIfExists(ledger.resolve("index.mv"));
    assertThatThrownBy(() -> open(ledger))
        .isInstanceOf(LedgerException.class)
        .hasMessageContainingAll(ledger.toString(), "gpurunner restore");
  }

  @Test
  void aLedgerThatIsGoneIsNotMadeAnew() throws IOException {
    Path ledger = directory.resolve("ledger");
    Path job = Files.createDirectories(directory.resolve("jobs").resolve(JobId.random().value()));
    assertThatThrownBy(() -> open(ledger))
        .isInstanceOf(LedgerException.class)
        .hasMessageContainingAll("is gone", directory.resolve("jobs").toString());
    Files.delete(job);
    Files.createDirectory(directory.resolve("jobs/lost+found")); // of a disk of its own
    try (JobLedger fresh = open(ledger)) {
      assertThat(fresh.live()).isEmpty();
    }
  }

  @Test
  void anIndexThatWasNotClosedIsBuiltAgain() throws IOException {
    Path ledger = directory.resolve("ledger");
    LedgerStory.Content content = LedgerStory.Content.EMPTY;
    Random random = new Random(4);
    while (!Files.exists(ledger.resolve("index-open"))) {
      content = live(ledger, content, random);
    }
    Files.write(
        ledger.resolve("index.mv"), new byte[100_000]); // whatever it holds, nobody reads it
    try (JobLedger opened = open(ledger)) {
      assertThat(LedgerStory.Content.of(opened)).isEqualTo(content);
    }
    assertThat(ledger.resolve("index-open")).doesNotExist();
  }

  private static List<String> namesIn(Path directory) throws IOException {
    if (Files.notExists(directory)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(directory)) {
      return files.map(file -> String.valueOf(file.getFileName())).sorted().toList();
    }
  }

  private static Path copy(Path from, Path to) throws IOException {
    Files.createDirectories(to);
    for (String name : namesIn(from)) {
      try {
        Files.copy(from.resolve(name), to.resolve(name), StandardCopyOption.REPLACE_EXISTING);
      } catch (NoSuchFileException renamedMeanwhile) {
        // A spare segment that is being made.
      }
    }
    return to;
  }

  private static void delete(Path directory) throws IOException {
    for (String name : namesIn(directory)) {
      Files.delete(directory.resolve(name));
    }
    Files.delete(directory);
  }
}
