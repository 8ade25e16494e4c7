package io.gpurunner.systemd;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Runs programs as a person would, in the repository's root or another directory. */
final class Shell {
  /** The repository. Tests run in the directory of their module. */
  static final Path REPOSITORY = Path.of("..").toAbsolutePath().normalize();

  private static final long LIMIT_SECONDS = 120;

  private Shell() {}

  /** A program's exit status, and its standard output and error together. */
  record Outcome(int status, String output) {
    Outcome succeeded() {
      assertThat(status).as(output).isZero();
      return this;
    }
  }

  static Outcome run(String... command) throws IOException, InterruptedException {
    return run(REPOSITORY, Map.of(), command);
  }

  static Outcome run(Path directory, Map<String, String> environment, String... command)
      throws IOException, InterruptedException {
    Path output = Files.createTempFile("output", ".txt");
    try {
      ProcessBuilder builder =
          new ProcessBuilder(List.of(command))
              .directory(directory.toFile())
              .redirectErrorStream(true)
              .redirectOutput(output.toFile());
      builder.environment().putAll(environment);
      // Without this, a make that runs the tests would hand down its own variables.
      builder.environment().keySet().removeAll(List.of("MAKEFLAGS", "MFLAGS", "MAKELEVEL"));
      Process process = builder.start();
      if (!process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
        throw new AssertionError(
            String.join(" ", command) + " was not done within " + LIMIT_SECONDS + " s");
      }
      return new Outcome(process.exitValue(), Files.readString(output, StandardCharsets.UTF_8));
    } finally {
      Files.delete(output);
    }
  }
}
