package io.gpurunner.agent.container.docker;

import static io.gpurunner.agent.container.ContainerRef.unrecorded;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerOutput;
import io.gpurunner.agent.container.ContainerOutputContract;
import io.gpurunner.agent.container.ContainerSpec;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests the contract, and what only a real engine shows. */
final class DockerOutputIT extends ContainerOutputContract {
  private final TestEngine engine = new TestEngine();
  private final ContainerOutput output = engine.engine().output();

  @AfterEach
  void removeContainers() {
    engine.close();
  }

  @Override
  protected ContainerOutput output() {
    return output;
  }

  @Override
  protected ContainerName ended(List<String> lines) {
    ContainerName name =
        engine.start(TestEngine.shell("printf '%s\\n' '" + String.join("' '", lines) + "'"));
    engine.awaitExit(name);
    return name;
  }

  @Override
  protected ContainerName withFile(String path, String content) {
    return ran("printf %s '" + content + "' > " + path);
  }

  private ContainerName ran(String script) {
    ContainerName name = engine.start(TestEngine.shell(script));
    engine.awaitExit(name);
    return name;
  }

  @Test
  void aHeadIsReadThroughLinksAndFromTheWorkingDirectory() {
    ContainerName name =
        ran(
            "cd /tmp; echo text > file; ln -s file near; ln -s /tmp/near far;"
                + " ln -s /tmp folder; mkfifo pipe");
    for (String path :
        List.of("/tmp/near", "/tmp/far", "/tmp/folder/far", "tmp/far", "./tmp/file")) {
      assertThat(output.head(unrecorded(name), path, 3))
          .as(path)
          .get()
          .isEqualTo("tex".getBytes(UTF_8));
    }
    for (String path : List.of("/tmp", "/tmp/pipe", "/dev/null")) {
      byte[] head = output.head(unrecorded(name), path, 3).orElseGet(() -> new byte[0]);
      assertThat(head).as(path).isEmpty();
    }
  }

  @Test
  void theRestOfALongFileIsNotRead() {
    ContainerName name = ran("head -c 50000000 /dev/zero > /tmp/long");
    assertThat(output.head(unrecorded(name), "/tmp/long", 256)).get().isEqualTo(new byte[256]);
  }

  @Test
  void bothStreamsAreSavedAsTheyCame(@TempDir Path folder) throws IOException {
    ContainerName name =
        engine.start(
            TestEngine.shell(
                "for i in 1 2 3; do echo out$i; sleep 0.1; echo err$i >&2; sleep 0.1; done"));
    engine.awaitExit(name);
    Path file = folder.resolve("log");
    Files.writeString(folder.resolve("log.part"), "what a kill has left of the same");
    output.save(unrecorded(name), file);
    assertThat(file).hasContent("out1\nerr1\nout2\nerr2\nout3\nerr3");
    assertThat(folder)
        .isDirectoryContaining("glob:**/log")
        .isDirectoryNotContaining("glob:**.part");
  }

  @Test
  void whatADiskDoesNotTakeIsNotSaved(@TempDir Path folder) throws Exception {
    ContainerName name =
        engine.start(
            TestEngine.shell(
                "line=$(head -c 12000 /dev/zero | tr '\\0' x); for i in $(seq 20); do echo $line; done"));
    engine.awaitExit(name);
    shell("mount -t tmpfs -o size=128k gpurunner-test " + folder);
    try {
      Path file = folder.resolve("log");
      Files.writeString(file, "before");
      assertThatThrownBy(() -> output.save(unrecorded(name), file))
          .isInstanceOf(ContainerException.class)
          .hasMessageContainingAll(file.toString(), "No space left on device");
      assertThat(file).hasContent("before");
      assertThat(folder).isDirectoryNotContaining("glob:**.part");

      shell("mount -o remount,size=1m " + folder);
      output.save(unrecorded(name), file);
      assertThat(file).hasSize(20 * 12_001);
    } finally {
      shell("umount " + folder);
    }
  }

  private static void shell(String script) throws Exception {
    Process sh = new ProcessBuilder("sh", "-c", script).inheritIO().start();
    assertThat(sh.waitFor()).as(script).isZero();
  }

  @Test
  void followingEndsWithTheContainer() {
    ContainerName name = engine.start(TestEngine.shell("echo a; sleep 1; echo b"));
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    output.copy(name, 100, true, bytes);
    assertThat(bytes.toString(UTF_8)).isEqualTo("a\nb\n");
  }

  @Test
  void followingASilentContainerEndsWhenTheReaderIsGone() {
    ContainerName name = engine.start(TestEngine.shell("echo a; sleep 1000"));
    Instant begin = Instant.now();
    output.copy(name, 100, true, new ClosedReader());
    assertThat(Duration.between(begin, Instant.now())).isLessThan(Duration.ofSeconds(5));
  }

  @Test
  void theEngineKeepsABoundedLog() {
    ContainerSpec spec = TestEngine.shell("true");
    engine.engine().containers().create(spec);
    engine
        .connection()
        .run(
            "looking at the log settings",
            CallLimits.QUICK,
            docker -> {
              var log =
                  docker
                      .inspectContainerCmd(spec.name().toString())
                      .exec()
                      .getHostConfig()
                      .getLogConfig();
              assertThat(log.getConfig()).isEqualTo(LogLimits.JSON_FILE);
              assertThat(log.getType().getType()).isEqualTo("json-file");
            });
  }

  /**
   * Each script prints more than four files of a megabyte. The numbers are short lines, and most
   * random bytes are no text. Both take many times their own length in the engine's files.
   */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "seq 1 120000",
        "yes $(head -c 15000 /dev/zero | tr '\\0' x) | head -n 700; echo 120000",
        "head -c 3000000 /dev/urandom; echo; echo 120000"
      })
  void anOutputWhoseBeginningWasDroppedSaysSoFirst(String script, @TempDir Path folder)
      throws IOException {
    ContainerName name = engine.runWithSmallLog(script, "1m");
    Path file = folder.resolve("log");
    Files.writeString(folder.resolve("log.end.part"), "what a kill has left of the same");
    smallOutput().save(unrecorded(name), file);
    assertThat(file).content().endsWith("\n120000\n");
    try (Stream<String> lines = Files.lines(file)) {
      assertThat(lines.findFirst().orElseThrow())
          .startsWith("[gpurunner: the beginning of the output was dropped; the last ")
          .matches(".* [0-4] MB are kept\\]");
    }
    assertThat(folder)
        .isDirectoryContaining("glob:**/log")
        .isDirectoryNotContaining("glob:**.part");
  }

  @Test
  void theEndThatIsKeptHasNoGap(@TempDir Path folder) throws IOException {
    ContainerName name = engine.runWithSmallLog("seq 100001 220000", "1m");
    Path file = folder.resolve("log");
    smallOutput().save(unrecorded(name), file);
    List<String> lines = Files.readAllLines(file);
    int kept = lines.size() - 1;
    assertThat(lines.subList(1, lines.size()))
        .isEqualTo(
            IntStream.rangeClosed(220_000 - kept + 1, 220_000)
                .mapToObj(Integer::toString)
                .toList());
    // A line of six digits takes 77 bytes.
    assertThat(kept).isBetween(4_000_000 / 77 - 300, 4_000_000 / 77 + 1);
  }

  @Test
  void anOutputOfWhichNothingWasDroppedIsSavedWhole(@TempDir Path folder) throws IOException {
    ContainerName name = engine.runWithSmallLog("seq 1 50000", "1m"); // 3.8 of 4 megabytes
    Path file = folder.resolve("log");
    smallOutput().save(unrecorded(name), file);
    assertThat(Files.readAllLines(file))
        .isEqualTo(IntStream.rangeClosed(1, 50_000).mapToObj(Integer::toString).toList());
  }

  /** Returns the output of containers of which the engine keeps files of a megabyte. */
  private ContainerOutput smallOutput() {
    return new DockerOutput(engine.connection(), 4_000_000);
  }

  /** A connection whose other side went away. It takes writes, and a flush fails. */
  private static final class ClosedReader extends OutputStream {
    @Override
    public void write(int b) {}

    @Override
    public void flush() throws IOException {
      throw new IOException("broken pipe");
    }
  }
}
