package io.gpurunner.agent.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.ledger.disk.LedgerDisk;
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
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * Kills a process that writes a ledger, again and again, at random points of its life: while it
 * starts, opens, commits, makes a snapshot or closes. The same ledger serves many rounds, so that
 * it grows, has snapshots, and is recovered from what kills before have left. Not thread-safe.
 */
final class KillCampaign {
  /** After so many rounds a new file is begun, so that its first moments are met too. */
  private static final int ROUNDS_A_FILE = 50;

  /** H2 treats chunks otherwise once they are 45 s old: now and then one process lives so long. */
  private static final int ROUNDS_A_LONG_LIFE = 200;

  private static final long LONG_LIFE_MILLIS = 50_000;

  /** For few commits, for more, and the usual one. */
  private static final int[] SEGMENT_BYTES = {4_096, 50_000, LedgerDisk.SEGMENT_BYTES};

  /** The number of kills, out of five, that hit a writing process. */
  private static final int WRITING = 4;

  /** What commits change. */
  private static final Set<String> KINDS = Set.of("job", "key", "callback", "removed");

  private static final int START_MILLIS = 1_500;
  private static final int READY_LIMIT_SECONDS = 300;
  private static final int WRITING_MILLIS = 500;
  private static final int CLOSING_MILLIS = 40;

  private final Path root;
  private final Random random = new Random(Long.getLong("gpurunner.kills.seed", 1));
  private final Map<String, Integer> kinds = new TreeMap<>();
  private Content answered = new Content();
  private Path directory;
  private int rounds;
  private int starting;
  private int closing;
  private int longLives;
  private long commits;

  private record Job(long version, String state, String files) {}

  private record Callback(String job, String status, int tries) {}

  /** What was found in a ledger, and answered since. */
  private static final class Content {
    final Map<String, Job> jobs = new HashMap<>();
    final Map<String, String> keys = new HashMap<>();
    final Map<String, Callback> callbacks = new HashMap<>();
    long removed;

    /** A line of a writer's. */
    void add(String... words) {
      switch (words[1]) {
        case "job" ->
            jobs.merge(
                words[2],
                new Job(Long.parseLong(words[3]), words[4], words[5]),
                (before, now) -> now.version > before.version ? now : before);
        case "key" -> keys.put(words[2], words[3]);
        case "callback" ->
            callbacks.put(words[2], new Callback(words[3], words[4], Integer.parseInt(words[5])));
        case "removed" -> removed += Long.parseLong(words[2]);
        default -> throw new AssertionError(String.join(" ", words));
      }
    }
  }

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
    assertThat(rounds < 100 || kinds.keySet().equals(KINDS)).as("kinds: " + kinds).isTrue();
    System.out.printf(
        "%d kills: %d of starting processes, %d of closing ones, %d that had lived %d s;"
            + " %d commits answered (%s), none lost%n",
        rounds, starting, closing, longLives, LONG_LIFE_MILLIS / 1000, commits, kinds);
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
      answered = new Content();
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
    int segmentBytes = SEGMENT_BYTES[random.nextInt(SEGMENT_BYTES.length)];
    return LedgerWriter.start(directory, random.nextLong(), segmentBytes, errors());
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
    Content found = new Content();
    for (String line : lines) {
      String[] words = line.split(" ", -1);
      switch (words[0]) {
        case "found" -> found.add(words);
        case "ready" -> compare(found, Long.parseLong(words[1]));
        case "answered" -> {
          commits += words[1].equals("key") ? 0 : 1; // its job has a line, too
          kinds.merge(words[1], 1, Integer::sum);
          answered.add(words);
        }
        default -> assertThat(line).isEqualTo("closing");
      }
    }
  }

  private void compare(Content found, long count) {
    assertThat(found.jobs).as("jobs found").hasSize(Math.toIntExact(count));
    long surplus = surplusOfJobs(found) + surplusOfCallbacks(found);
    answered.keys.forEach(
        (key, job) -> {
          if (found.jobs.containsKey(job)) {
            assertThat(found.keys).containsEntry(key, job);
          }
        });
    assertThat(found.jobs.keySet()).as("jobs of keys").containsAll(found.keys.values());
    answered = found;
    assertThat(surplus)
        .as("commits that were under way, round " + rounds)
        .isBetween(0L, (long) LedgerWriter.THREADS);
  }

  private long surplusOfJobs(Content found) {
    long surplus = -answered.removed;
    for (Map.Entry<String, Job> one : answered.jobs.entrySet()) {
      Job before = one.getValue();
      Job now = found.jobs.get(one.getKey());
      if (now == null) {
        // That its files were removed may not have been answered yet.
        assertThat(before.files).as(one.getKey() + " is gone").isNotEqualTo("KEPT");
        surplus += before.files.equals("SWEPT") ? 1 : 2;
      } else if (now.version == before.version) {
        assertThat(now).as(one.getKey()).isEqualTo(before);
      } else {
        assertThat(now.version).as("version of " + one.getKey()).isGreaterThan(before.version);
        surplus += now.version - before.version;
      }
    }
    long created =
        found.jobs.keySet().stream().filter(id -> !answered.jobs.containsKey(id)).count();
    return surplus + created;
  }

  private long surplusOfCallbacks(Content found) {
    long surplus = 0;
    for (Map.Entry<String, Callback> one : answered.callbacks.entrySet()) {
      Callback before = one.getValue();
      Callback now = found.callbacks.get(one.getKey());
      if (now == null) {
        // The upload was resumed, and another end is told of in place of that one.
        boolean replaced =
            found.callbacks.values().stream().anyMatch(other -> other.job.equals(before.job));
        assertThat(replaced || !found.jobs.containsKey(before.job)).as(before.toString()).isTrue();
      } else {
        surplus += now.tries - before.tries;
        assertThat(now.tries).as(before.toString()).isGreaterThanOrEqualTo(before.tries);
        assertThat(
                now.tries > before.tries
                    || now.status.equals(before.status)
                    || now.status.equals("SUPERSEDED"))
            .as(before + " is " + now)
            .isTrue();
      }
    }
    return surplus;
  }
}
