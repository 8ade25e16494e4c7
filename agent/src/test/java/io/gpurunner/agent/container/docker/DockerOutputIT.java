package io.gpurunner.agent.container.docker;

import static io.gpurunner.agent.container.ContainerRef.unrecorded;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerOutput;
import io.gpurunner.agent.container.ContainerOutput.Part;
import io.gpurunner.agent.container.ContainerOutputContract;
import io.gpurunner.agent.container.ContainerSpec;
import io.gpurunner.agent.container.OutputPiece;
import io.gpurunner.agent.container.OutputReading;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

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
  void bothStreamsAreReadAsTheyCame() {
    ContainerName name =
        ran("for i in 1 2 3; do echo out$i; sleep 0.1; echo err$i >&2; sleep 0.1; done");
    List<OutputPiece> all = pieces(name, new Part.All(), false);
    assertThat(texts(all))
        .containsExactly("out1\n", "err1\n", "out2\n", "err2\n", "out3\n", "err3\n");
    assertThat(all.stream().map(OutputPiece::stream).distinct()).hasSize(2);
  }

  @Test
  void aLineThatIsNotEndedIsReadAfterTheEnd() {
    ContainerName name = ran("echo a; printf b");
    assertThat(texts(pieces(name, new Part.All(), false))).containsExactly("a\n", "b");
  }

  /** The engine cuts long lines, and gives all parts the same time. */
  @Test
  void aLongLineComesInPartsWithOneTime() {
    ContainerName name = ran("head -c 100000 /dev/zero | tr '\\0' x; echo");
    List<OutputPiece> all = pieces(name, new Part.All(), false);
    assertThat(all).hasSize(7);
    assertThat(all.stream().mapToInt(piece -> piece.bytes().length).sum()).isEqualTo(100_001);
    assertThat(all.stream().map(OutputPiece::at).distinct()).hasSize(1);
    assertThat(all.getLast().bytes()).endsWith('\n');
  }

  @Test
  void followingEndsWithTheContainer() {
    ContainerName name = engine.start(TestEngine.shell("echo a; sleep 1; echo b"));
    assertThat(texts(pieces(name, new Part.All(), true))).containsExactly("a\n", "b\n");
  }

  @Test
  void aReadingThatWaitsEndsWhenItIsClosed() throws Exception {
    ContainerName name = engine.start(TestEngine.shell("echo a; sleep 1000"));
    OutputReading reading = output.read(unrecorded(name), new Part.All(), true);
    assertThat(reading.next()).isPresent();
    CompletableFuture<Throwable> end =
        CompletableFuture.supplyAsync(() -> catchThrowable(reading::next));
    reading.close();
    assertThat(end.get(5, TimeUnit.SECONDS)).isInstanceOf(ContainerException.class);
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

  /** An engine that keeps little has the end of an output without a gap. */
  @Test
  void theEndThatTheEngineKeepsHasNoGap() {
    ContainerName name = engine.runWithSmallLog("seq 100001 220000", "1m");
    List<String> lines = texts(pieces(name, new Part.All(), false));
    assertThat(lines.size()).isLessThan(120_000);
    assertThat(lines)
        .isEqualTo(
            IntStream.rangeClosed(220_000 - lines.size() + 1, 220_000)
                .mapToObj(number -> number + "\n")
                .toList());
  }
}
