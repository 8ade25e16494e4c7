package io.gpurunner.agent.ledger;

import io.gpurunner.agent.job.Job;
import java.io.File;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.URI;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.time.Clock;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Collectors;

/**
 * A process that writes a ledger until it is killed, or is told to end by the end of its input. It
 * says what it found and then, line by line, what was answered.
 *
 * <pre>
 * found ID VERSION STATE   one of the jobs
 * ready COUNT              how many there are
 * answered ID VERSION STATE
 * closing
 * </pre>
 */
final class LedgerWriter {
  /** Commits share a group only where there is more than one at a time. */
  static final int THREADS = 3;

  /** More than one file ever has. */
  private static final int TOLD = 100_000;

  private LedgerWriter() {}

  /**
   * @param arguments the directory, a seed, the length from which the file is compacted, and that
   *     of the journal
   */
  public static void main(String[] arguments) throws IOException {
    PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), false);
    LedgerPlace place = LedgerPlace.onDisk(Path.of(arguments[0]).resolve("ledger"));
    long seed = Long.parseLong(arguments[1]);
    LedgerSizes sizes =
        new LedgerSizes(Long.parseLong(arguments[2]), Integer.parseInt(arguments[3]));
    JobLedger ledger = JobLedger.open(place, Clock.systemUTC(), sizes);
    StringBuilder text = new StringBuilder();
    for (Job job : ledger.page(Optional.empty(), 1, TOLD)) {
      text.append(line("found", job));
    }
    say(out, text + "ready " + ledger.count(Optional.empty()) + "\n");
    for (int i = 0; i < THREADS; i++) {
      LedgerStory story = new LedgerStory(ledger, Map.of(), new Random(seed + i), i, THREADS);
      Thread.ofPlatform()
          .daemon(true)
          .start(
              () -> {
                while (true) {
                  say(out, line("answered", story.next()));
                }
              });
    }
    long _ = System.in.transferTo(OutputStream.nullOutputStream());
    say(out, "closing\n");
    ledger.close();
    System.exit(0);
  }

  /**
   * @param errors where what it has to complain of goes
   */
  static Process start(Path directory, long seed, LedgerSizes sizes, Path errors)
      throws IOException {
    return new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-cp",
            classPath(),
            LedgerWriter.class.getName(),
            directory.toString(),
            String.valueOf(seed),
            String.valueOf(sizes.compactFromBytes()),
            String.valueOf(sizes.journalBytes()))
        .redirectError(errors.toFile())
        .start();
  }

  /** That of the tests, also where it is not the one of the process. */
  private static String classPath() {
    if (LedgerWriter.class.getClassLoader() instanceof URLClassLoader loader) {
      return Arrays.stream(loader.getURLs())
          .map(url -> Path.of(URI.create(url.toString())).toString())
          .collect(Collectors.joining(File.pathSeparator));
    }
    return Optional.ofNullable(System.getProperty("surefire.test.class.path"))
        .orElse(System.getProperty("java.class.path"));
  }

  private static String line(String what, Job job) {
    return what + " " + job.id() + " " + job.version() + " " + job.state().label() + "\n";
  }

  /** In one write, so that lines of threads do not mix. */
  private static synchronized void say(PrintStream out, String text) {
    out.print(text);
    out.flush();
  }
}
