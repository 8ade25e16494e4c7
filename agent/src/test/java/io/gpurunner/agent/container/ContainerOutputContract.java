package io.gpurunner.agent.container;

import static io.gpurunner.agent.container.ContainerRef.unrecorded;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.api.JobId;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The contract of every {@link ContainerOutput}, the fake included. */
public abstract class ContainerOutputContract {
  /** Returns the output under test, the same one for the whole test. */
  protected abstract ContainerOutput output();

  /** Returns a container that has printed these lines and ended. */
  protected abstract ContainerName ended(List<String> lines);

  /** Returns a container that has ended, with a file at a path without links. */
  protected abstract ContainerName withFile(String path, String content);

  private static ContainerName unknown() {
    return new ContainerName(JobId.random(), 1);
  }

  @Test
  void whatWasPrintedIsSavedAndAgainTheSame(@TempDir Path folder) throws IOException {
    ContainerName name = ended(List.of("loss 0.5", "loss 0.1"));
    Path file = folder.resolve("log");
    output().save(unrecorded(name), file);
    assertThat(file).hasContent("loss 0.5\nloss 0.1");
    // After a crash it is saved again, with the same content.
    output().save(unrecorded(name), file);
    assertThat(file).hasContent("loss 0.5\nloss 0.1");
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).containsExactly(file);
    }
  }

  @Test
  void anAbsentContainerLeavesTheFileAsItIs(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("log");
    Files.writeString(file, "before");
    output().save(unrecorded(unknown()), file);
    output().save(unrecorded(unknown()), folder.resolve("other"));
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).containsExactly(file);
    }
    assertThat(file).hasContent("before");
    assertThatThrownBy(() -> output().copy(unknown(), 10, false, OutputStream.nullOutputStream()))
        .isInstanceOfSatisfying(
            ContainerException.class, e -> assertThat(e.kind()).isEqualTo(Kind.ABSENT));
  }

  @Test
  void aFolderThatIsNotThereIsNamed(@TempDir Path folder) {
    ContainerName name = ended(List.of("x"));
    assertThatThrownBy(() -> output().save(unrecorded(name), folder.resolve("no/log")))
        .isInstanceOf(ContainerException.class)
        .hasMessageContaining(folder.resolve("no").toString());
  }

  @Test
  void theHeadOfAFileIsReadAndNoMore() {
    ContainerName name = withFile("/tmp/train", "#!/bin/sh");
    assertThat(output().head(unrecorded(name), "/tmp/train", 2)).get().isEqualTo(bytes("#!"));
    assertThat(output().head(unrecorded(name), "/tmp/train", 256))
        .get()
        .isEqualTo(bytes("#!/bin/sh"));
    assertThat(output().head(unrecorded(name), "/tmp/other", 256)).isEmpty();
    assertThat(output().head(unrecorded(name), "/no/folder", 256)).isEmpty();
    assertThatThrownBy(() -> output().head(unrecorded(unknown()), "/tmp/train", 256))
        .isInstanceOfSatisfying(
            ContainerException.class, e -> assertThat(e.kind()).isEqualTo(Kind.ABSENT));
  }

  private static byte[] bytes(String text) {
    return text.getBytes(UTF_8);
  }

  @Test
  void theTailIsCopied() {
    ContainerName name = ended(List.of("997", "998", "999", "1000"));
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    output().copy(name, 2, false, bytes);
    assertThat(bytes.toString(UTF_8)).isEqualTo("999\n1000\n");
  }
}
