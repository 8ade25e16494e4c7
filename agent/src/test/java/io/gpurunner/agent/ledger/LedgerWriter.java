package io.gpurunner.agent.ledger;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.ledger.disk.LedgerPlace;
import io.gpurunner.api.JobId;
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
 * found job ID VERSION STATE FILES         one of the jobs
 * found key KEY ID                         a key, and the job it stands for
 * found callback DELIVERY ID STATUS TRIES  a callback of a job
 * ready COUNT                              how many jobs there are
 * answered job ID VERSION STATE FILES
 * answered key KEY ID
 * answered callback DELIVERY ID STATUS TRIES
 * answered removed COUNT
 * closing
 * </pre>
 */
final class LedgerWriter {
  /** Commits share a group only where there is more than one at a time. */
  static final int THREADS = 3;

  private LedgerWriter() {}

  /**
   * @param arguments the directory, a seed, and the length of the journal's segments
   */
  public static void main(String[] arguments) throws IOException {
    PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), false);
    LedgerPlace place = LedgerPlace.onDisk(Path.of(arguments[0]).resolve("ledger"));
    long seed = Long.parseLong(arguments[1]);
    JobLedger ledger =
        JobLedger.open(place, Clock.systemUTC(), CommitWatch.NONE, Integer.parseInt(arguments[2]));
    StringBuilder text = new StringBuilder();
    LedgerStory.Content content = LedgerStory.Content.of(ledger);
    content.jobs().values().forEach(job -> text.append(line("found", job)));
    content.keys().forEach((key, job) -> text.append(line("found", key, job)));
    content.callbacks().values().forEach(callback -> text.append(line("found", callback)));
    say(out, text + "ready " + ledger.count(Optional.empty()) + "\n");
    for (int i = 0; i < THREADS; i++) {
      LedgerStory story = new LedgerStory(ledger, Map.of(), new Random(seed + i), i, THREADS);
      Thread.ofPlatform()
          .daemon(true)
          .start(
              () -> {
                while (true) {
                  say(out, line(story.next()));
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
  static Process start(Path directory, long seed, int segmentBytes, Path errors)
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
            String.valueOf(segmentBytes))
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

  private static String line(LedgerStory.Answer answer) {
    StringBuilder lines = new StringBuilder();
    answer
        .key()
        .ifPresent(key -> lines.append(line("answered", key, answer.job().orElseThrow().id())));
    answer.job().ifPresent(job -> lines.append(line("answered", job)));
    answer.callback().ifPresent(callback -> lines.append(line("answered", callback)));
    if (answer.removed() > 0) {
      lines.append("answered removed ").append(answer.removed()).append('\n');
    }
    return lines.toString();
  }

  private static String line(String what, Job job) {
    return String.join(
            " ",
            what,
            "job",
            job.id().value(),
            String.valueOf(job.version()),
            job.state().label(),
            job.files().name())
        + "\n";
  }

  private static String line(String what, String key, JobId job) {
    return String.join(" ", what, "key", key, job.value()) + "\n";
  }

  private static String line(String what, LedgerStory.Callback callback) {
    return String.join(
            " ",
            what,
            "callback",
            callback.delivery(),
            callback.job().value(),
            callback.status(),
            String.valueOf(callback.tries()))
        + "\n";
  }

  /** In one write, so that lines of threads do not mix. */
  private static synchronized void say(PrintStream out, String text) {
    out.print(text);
    out.flush();
  }
}
