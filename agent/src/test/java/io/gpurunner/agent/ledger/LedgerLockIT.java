package io.gpurunner.agent.ledger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.ledger.disk.LedgerDisk;
import java.io.BufferedReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two processes, one ledger. */
class LedgerLockIT {
  @TempDir Path directory;

  @SuppressWarnings("NullAway.Init") // started before each test
  private Process first;

  @BeforeEach
  void start() throws Exception {
    Files.createDirectory(directory.resolve("state"));
    Files.createSymbolicLink(directory.resolve("link"), directory.resolve("state"));
    first =
        LedgerWriter.start(
            directory.resolve("state"), 1, LedgerDisk.SEGMENT_BYTES, directory.resolve("log"));
    BufferedReader lines = first.inputReader(StandardCharsets.US_ASCII);
    assertThat(lines.readLine()).startsWith("ready");
  }

  @AfterEach
  void end() throws InterruptedException {
    first.destroyForcibly().waitFor();
  }

  @Test
  void aSecondIsRefusedByAnyPathUntilTheFirstIsKilled() throws Exception {
    for (String path : new String[] {"state", "link", "state/../link"}) {
      assertThatThrownBy(() -> open(path))
          .isInstanceOf(LedgerException.class)
          .hasMessageContainingAll("another agent already uses", path, "another state-dir");
    }
    // That somebody reads the file does not let others in.
    Files.readAllBytes(directory.resolve("state/ledger/lock"));
    assertThatThrownBy(() -> open("state")).hasMessageContaining("another agent already uses");

    first.destroyForcibly().waitFor();
    open("link").close();
  }

  @Test
  void twoInOneProcessAreRefusedToo() throws Exception {
    first.destroyForcibly().waitFor();
    try (JobLedger ledger = open("state")) {
      assertThatThrownBy(() -> open("link")).hasMessageContaining("another agent already uses");
      assertThat(ledger.fault()).isEmpty();
    }
  }

  private JobLedger open(String path) {
    return JobLedger.open(directory.resolve(path).resolve("ledger"), LedgerStory.CLOCK);
  }
}
