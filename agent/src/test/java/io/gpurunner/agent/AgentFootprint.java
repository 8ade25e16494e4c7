package io.gpurunner.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The resources that a Java process holds. Sources: proc_pid_task(5), proc_pid_fd(5), jcmd(1).
 *
 * @param threads the number of threads of the operating system
 * @param handles the number of open files, sockets and pipes
 * @param heapBytes the size of the objects that are live after a garbage collection
 */
record AgentFootprint(long threads, long handles, long heapBytes) {
  /**
   * The last line of a class histogram: the number of objects, and the bytes, which are captured.
   */
  private static final Pattern TOTAL = Pattern.compile("(?m)^Total +[0-9]+ +([0-9]+)$");

  static AgentFootprint of(long pid) {
    Path process = Path.of("/proc", String.valueOf(pid));
    return new AgentFootprint(
        entries(process.resolve("task")), entries(process.resolve("fd")), heapBytes(pid));
  }

  private static long entries(Path directory) {
    try (Stream<Path> all = Files.list(directory)) {
      return all.count();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static long heapBytes(long pid) {
    try {
      Process jcmd =
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "jcmd").toString(),
                  String.valueOf(pid),
                  "GC.class_histogram")
              .redirectErrorStream(true)
              .start();
      String said = new String(jcmd.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      Matcher total = TOTAL.matcher(said);
      assertThat(total.find()).as(said).isTrue();
      return Long.parseLong(total.group(1));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
