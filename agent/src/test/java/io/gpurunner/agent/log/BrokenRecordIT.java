package io.gpurunner.agent.log;

import static io.gpurunner.agent.container.ContainerRef.unrecorded;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.docker.TestEngine;
import io.gpurunner.storage.FileWork;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests a real engine's log in which an engine that was killed left a record in part. */
final class BrokenRecordIT {
  @TempDir private Path directory;

  @Test
  void whatIsBehindItIsKept() throws IOException {
    try (TestEngine engine = new TestEngine();
        FileWork files = new FileWork();
        RunLogs logs = new RunLogs(engine.engine().output(), files, Clock.systemUTC())) {
      ContainerName name =
          engine.start(TestEngine.shell("for i in 1 2 3 4 5 6; do echo line $i; done"));
      engine.awaitExit(name);
      breakThird(engine.logFile(name));
      logs.finish(unrecorded(name), directory, Duration.ofMinutes(1));
      assertThat(Pieces.texts(directory))
          .containsExactly("line 1\n", "line 2\n", LogGap.RECORD.line(), "line 5\n", "line 6\n");
    }
  }

  /**
   * Cuts the third record. The fourth comes directly behind it, so no reader can read it either.
   */
  private static void breakThird(Path file) throws IOException {
    List<String> records = new ArrayList<>(Files.readAllLines(file, UTF_8));
    String third = records.remove(2);
    records.set(2, third.substring(0, third.length() / 2) + records.get(2));
    Files.write(file, records, UTF_8);
  }
}
