package io.gpurunner.agent.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * Kills a process that writes a ledger, again and again, at random points of its life: while it
 * starts, opens, commits, compacts or closes. The same file serves many rounds, so that it grows,
 * is compacted, and is recovered from what kills before have left. Not thread-safe.
 */
final class KillCampaign {
  /** After so many rounds a new file is begun, so that its first moments are met too. */
  private static final int ROUNDS_A_FILE = 50;

  /** H2 treats chunks otherwise once they are 45 s old: now and then one process lives so long. */
  private static final int ROUNDS_A_LONG_LIFE = 200;

  private static final long LONG_LIFE_MILLIS = 50_000;
  private static final long COMPACT_FROM_BYTES = 1_000_000;

  /** For few commits, for more, and the usual one. */
  private static final int[] JOURNAL_BYTES = {4_096, 50_000, LedgerJournal.BYTES};

  /** Of five kinds of kills, what the others are. */
  private static final int WRITING = 4;

  private static final int START_MILLIS = 1_500;
  private static final int READY_LIMIT_SECONDS = 300;
  private static final int WRITING_MILLIS = 500;
  private static final int CLOSING_MILLIS = 40;

  private final Path root;
  private final Random random = new Random(Long.getLong("gpurunner.kills.seed", 1));
  private final Map<String, Answer> answered = new HashMap<>();
  private Path directory;
  private int rounds;
  private int starting;
  private int closing;
  private int longLives;
  private long commits;

  private record Answer(long version, String state) {}

  KillCampaign(Path root) throws IOException {
    this.root = Files.createDirectories(root);
    this.directory = root;
  }

  void runUntil(Instant end) throws Exception {
    while (Instant.now().isBefore(end)) {
      round();
    }
    report();
  }

  /** To standard output, for people. */
  private void report() {
    assertThat(rounds < 10 || commits > rounds)
        .as("processes wrote before they were killed")
        .isTrue();
    System.out.printf(
        "%d kills: %d of starting processes, %d of closing ones, %d that had lived %d s;"
            + " %d commits answered, none lost%n",
        rounds, starting, closing, longLives, LONG_LIFE_MILLIS / 1000, commits);
  }

  void runTimes(int count) throws Exception {
    while (rounds < count) {
      round();
    }
    report();
  }

  /** One process's life. */
  private void round() throws Exception {
    if (rounds % ROUNDS_A_FILE == 0) {
      directory = Files.createDirectories(root.resolve("file-" + rounds / ROUNDS_A_FILE));
      answered.clear();
    }
    rounds++;
    Process process = start();
    boolean old = rounds % ROUNDS_A_LONG_LIFE == 0;
    int kind = old ? WRITING : random.nextInt(WRITING + 1);
    CompletableFuture<Boolean> under = new CompletableFuture<>();
    String sign = kind == WRITING ? "answered" : "ready";
    CompletableFuture<List<String>> lines =
        CompletableFuture.supplyAsync(() -> linesOf(process, sign, under));
    switch (kind) {
      case 0 -> {
        starting++;
        live(process, random.nextInt(START_MILLIS));
      }
      case 1 -> {
        closing++;
        live(process, under, random.nextInt(WRITING_MILLIS));
        process.getOutputStream().close();
        live(process, random.nextInt(CLOSING_MILLIS));
      }
      default -> {
        longLives += old ? 1 : 0;
        live(process, under, old ? LONG_LIFE_MILLIS : random.nextInt(WRITING_MILLIS));
      }
    }
    process.toHandle().destroyForcibly(); // Process itself would close what is yet to be read.
    process.waitFor();
    check(lines.get());
  }

  private void live(Process process, long millis) throws Exception {
    boolean ended = process.waitFor(millis, TimeUnit.MILLISECONDS);
    if (ended && process.exitValue() != 0) {
      throw new AssertionError("round " + rounds + ": " + Files.readString(errors()));
    }
  }

  /** That long after it got under way. */
  private void live(Process process, CompletableFuture<Boolean> under, long millis)
      throws Exception {
    if (!under.get(READY_LIMIT_SECONDS, TimeUnit.SECONDS)) {
      throw new AssertionError("round " + rounds + ": " + Files.readString(errors()));
    }
    live(process, millis);
  }

  private Path errors() {
    return root.resolve("errors");
  }

  private Process start() throws IOException {
    LedgerSizes sizes =
        new LedgerSizes(COMPACT_FROM_BYTES, JOURNAL_BYTES[random.nextInt(JOURNAL_BYTES.length)]);
    return LedgerWriter.start(directory, random.nextLong(), sizes, errors());
  }

  private static List<String> linesOf(
      Process process, String sign, CompletableFuture<Boolean> seen) {
    List<String> lines = new ArrayList<>();
    try (BufferedReader reader =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.US_ASCII))) {
      reader
          .lines()
          .forEach(
              line -> {
                lines.add(line);
                if (line.startsWith(sign)) {
                  seen.complete(true);
                }
              });
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } finally {
      seen.complete(false);
    }
    return lines;
  }

  /** What is found must be what was answered, and what was under way at the kill. */
  private void check(List<String> lines) {
    Map<String, Answer> found = new HashMap<>();
    for (String line : lines) {
      String[] words = line.split(" ", -1);
      switch (words[0]) {
        case "found" -> found.put(words[1], new Answer(Long.parseLong(words[2]), words[3]));
        case "ready" -> compare(found, Long.parseLong(words[1]));
        case "answered" -> {
          commits++;
          answered.merge(
              words[1],
              new Answer(Long.parseLong(words[2]), words[3]),
              (before, now) -> now.version > before.version ? now : before);
        }
        default -> assertThat(line).isEqualTo("closing");
      }
    }
  }

  private void compare(Map<String, Answer> found, long count) {
    long surplus = count - answered.size();
    assertThat(found).as("jobs found").hasSize(Math.toIntExact(count));
    assertThat(found.keySet()).as("jobs found").containsAll(answered.keySet());
    for (Map.Entry<String, Answer> one : found.entrySet()) {
      Answer before = answered.get(one.getKey());
      if (before != null) {
        assertThat(one.getValue().version)
            .as("version of " + one.getKey())
            .isGreaterThanOrEqualTo(before.version);
        surplus += one.getValue().version - before.version;
        assertThat(one.getValue().version > before.version || one.getValue().equals(before))
            .as("state of " + one.getKey())
            .isTrue();
      }
      answered.put(one.getKey(), one.getValue());
    }
    assertThat(surplus)
        .as("commits that were under way, round " + rounds)
        .isBetween(0L, (long) LedgerWriter.THREADS);
  }
}
