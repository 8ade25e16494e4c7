package io.gpurunner.storage;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/** Makes names that the JDK cannot write down, by way of the shell's printf. */
final class HostileTree {
  private HostileTree() {}

  /** Runs a script of /bin/sh in a directory; it must succeed. */
  static void shell(Path directory, String script) throws IOException, InterruptedException {
    run(directory, List.of("/bin/sh", "-ec", script));
  }

  /** Runs a program in a directory and returns what it printed; it must succeed. */
  static String run(Path directory, List<String> words) throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(words).directory(directory.toFile()).redirectErrorStream(true).start();
    try (InputStream in = process.getInputStream()) {
      String output = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      if (process.waitFor() != 0) {
        throw new AssertionError(words + " failed: " + output);
      }
      return output;
    }
  }
}
