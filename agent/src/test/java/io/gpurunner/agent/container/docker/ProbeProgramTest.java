package io.gpurunner.agent.container.docker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs the program on this machine. */
final class ProbeProgramTest {
  private static final int NO_SUCH_FILE = 2;
  private static final int IS_A_DIRECTORY = 21;

  @TempDir private Path folder;
  private Path program;

  @BeforeEach
  void write() throws IOException {
    program = folder.resolve("probe");
    Files.write(program, ProbeProgram.of(TrialContainer.architecture()).orElseThrow());
    Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwx------"));
  }

  private Process run(String file) throws IOException {
    return new ProcessBuilder(List.of(program.toString(), file)).start();
  }

  private int exitCode(String file) throws Exception {
    Process process = run(file);
    assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
    return process.exitValue();
  }

  @Test
  void endsWithTheErrorNumberOfWhatItCannotOpen() throws Exception {
    assertThat(exitCode(folder.resolve("absent").toString())).isEqualTo(NO_SUCH_FILE);
    assertThat(exitCode(folder.toString())).isEqualTo(IS_A_DIRECTORY);
  }

  @Test
  void keepsOpenWhatItCanOpenUntilItIsEnded() throws Exception {
    Path file = Files.createFile(folder.resolve("device"));
    Process process = run(file.toString());
    try {
      await()
          .atMost(Duration.ofMinutes(1))
          .until(() -> TrialContainer.hasOpen(process.pid(), file.toRealPath().toString()));
      assertThat(process.isAlive()).isTrue();
    } finally {
      process.destroy();
    }
    assertThat(process.waitFor(1, TimeUnit.MINUTES)).as("SIGTERM ends it").isTrue();
  }

  /** The second processor's program cannot run here. Its header and length are checked. */
  @Test
  void thereIsOneForEachProcessorThatGpuServersHave() {
    for (String processor : List.of("amd64", "arm64")) {
      byte[] elf = ProbeProgram.of(processor).orElseThrow();
      assertThat(Arrays.copyOf(elf, 4)).isEqualTo(new byte[] {0x7F, 'E', 'L', 'F'});
      assertThat(elf).hasSizeLessThan(256);
    }
    assertThat(ProbeProgram.of("riscv64")).isEmpty();
  }
}
