package io.gpurunner.storage;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/** Creates files by programs of the system, with names that the JDK cannot write. */
final class HostileTree {
  private HostileTree() {}

  /** Runs a script of /bin/sh in a directory. Fails if it does. */
  static void shell(Path directory, String script) throws IOException, InterruptedException {
    run(directory, List.of("/bin/sh", "-ec", script));
  }

  /** Runs a program in a directory, and returns its output. Fails if it does. */
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
