package io.gpurunner.agent.aot;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.InputStream;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Runs the training as {@code gpurunner prepare-start} does, in a process of its own. */
@Timeout(60)
final class CommandTrainingTest {
  @TempDir private Path home;

  @Test
  void eachCommandForUsersSucceedsAndPrintsWhatItPrintsAUser() throws Exception {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                CommandTraining.class.getName(),
                home.toString())
            .redirectErrorStream(true)
            .start();
    try (InputStream out = process.getInputStream()) {
      String printed = new String(out.readAllBytes(), UTF_8);

      assertThat(process.waitFor()).as(printed).isZero();
      assertThat(printed)
          .as("the history of a job, the picture of top, and the end of a log")
          .contains("a job's history", "gpurunner top", "succeeded; see what it has");
      assertThat(home.resolve("fetched/a")).hasContent("content");
    } finally {
      process.destroyForcibly();
    }
  }
}
