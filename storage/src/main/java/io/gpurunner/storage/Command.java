package io.gpurunner.storage;

import io.gpurunner.storage.StorageException.Kind;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Runs one of the system's programs, without a shell and bounded in time. */
final class Command {
  private static final List<String> DIRECTORIES = List.of("/usr/sbin", "/usr/bin", "/sbin", "/bin");
  private static final int SIGNALLED = 128;
  private static final int MAX_OUTPUT_BYTES = 64 << 10;

  private Command() {}

  /**
   * The end of a program.
   *
   * @param output standard output and error together, its first 64 KiB
   */
  record Result(int exitStatus, String output) {
    boolean succeeded() {
      return exitStatus == 0;
    }

    /** Returns whether a signal ended it, judged by the exit status that Java reports. */
    boolean wasKilled() {
      return exitStatus > SIGNALLED;
    }

    /** Returns the output on one line. */
    String words() {
      String words = output.strip().replaceAll("\\s*\\R\\s*", "; ");
      return words.isEmpty() ? "(no output)" : words;
    }
  }

  /** Returns whether a program of this name is installed. */
  static boolean exists(String program) {
    return DIRECTORIES.stream().anyMatch(directory -> new File(directory, program).canExecute());
  }

  /** Runs a program that must succeed. */
  static void require(Duration limit, List<String> words) {
    Result result = run(limit, words);
    if (!result.succeeded()) {
      throw new StorageException(
          Kind.REFUSED,
          "%s failed with exit status %d: %s"
              .formatted(String.join(" ", words), result.exitStatus(), result.words()));
    }
  }

  /**
   * Runs a program to its end.
   *
   * @throws StorageException REFUSED if there is no such program, UNAVAILABLE after the limit
   */
  static Result run(Duration limit, List<String> words) {
    ProcessBuilder builder =
        new ProcessBuilder(words)
            .redirectErrorStream(true)
            .redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")));
    Map<String, String> environment = builder.environment();
    environment.clear();
    environment.put("PATH", String.join(":", DIRECTORIES));
    environment.put("LC_ALL", "C");
    Process process;
    try {
      process = builder.start();
    } catch (IOException failure) {
      throw new StorageException(
          Kind.REFUSED,
          "cannot run %s: %s; install it".formatted(words.getFirst(), failure.getMessage()),
          failure);
    }
    CompletableFuture<String> output =
        CompletableFuture.supplyAsync(
            () -> read(process),
            task -> Thread.ofPlatform().name(words.getFirst()).daemon().start(task));
    try {
      return process
          .onExit()
          .thenCombine(output, (ended, text) -> new Result(ended.exitValue(), text))
          .orTimeout(limit.toMillis(), TimeUnit.MILLISECONDS)
          .join();
    } catch (CompletionException failure) {
      process.destroyForcibly();
      if (failure.getCause() instanceof TimeoutException) {
        throw new StorageException(
            Kind.UNAVAILABLE,
            "%s did not end within %d s".formatted(String.join(" ", words), limit.toSeconds()),
            failure);
      }
      throw new StorageException(
          Kind.UNAVAILABLE, "%s: %s".formatted(String.join(" ", words), failure), failure);
    }
  }

  private static String read(Process process) {
    try (InputStream in = process.getInputStream()) {
      byte[] first = in.readNBytes(MAX_OUTPUT_BYTES);
      in.transferTo(java.io.OutputStream.nullOutputStream());
      return new String(first, StandardCharsets.UTF_8);
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }
}
