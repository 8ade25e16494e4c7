package io.gpurunner.agent.cli.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.cli.client.CommandFailedException;
import io.gpurunner.agent.cli.client.ExitStatus;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class DraftFileTest {
  @TempDir private Path directory;

  private static int write(DraftFile draft) {
    byte[] content = {'a', 'b', 'c'};
    draft.write(content, 2);
    return content.length;
  }

  @Test
  void aFileGetsItsNameWhenItIsWhole() throws IOException {
    Path target = directory.resolve("model");
    try (DraftFile draft = DraftFile.in(directory)) {
      write(draft);
      assertThat(target).doesNotExist();
      draft.keepAs(target);
    }
    assertThat(target).hasContent("ab");
    assertThat(directory).isDirectoryNotContaining("glob:**/.*");
  }

  @Test
  void aFileThatGetsNoNameIsRemoved() throws IOException {
    try (DraftFile draft = DraftFile.in(directory)) {
      write(draft);
      assertThat(directory).isNotEmptyDirectory();
    }
    assertThat(directory).isEmptyDirectory();
  }

  /** The system answers each write to /dev/full as a full disk does. */
  @Test
  void aFullDiskIsNamedAndNothingIsLeft() throws IOException {
    Path unfinished = Files.createFile(directory.resolve(".x.part"));
    OutputStream full = Files.newOutputStream(Path.of("/dev/full"));

    try (DraftFile draft = new DraftFile(directory, unfinished, full)) {
      assertThatThrownBy(() -> write(draft))
          .hasMessageStartingWith("--get: cannot write to " + directory + " (disk ")
          .hasMessageEndingWith(
              " free): No space left on device; make room or get access there, or name another"
                  + " directory")
          .asInstanceOf(InstanceOfAssertFactories.type(CommandFailedException.class))
          .extracting(CommandFailedException::status)
          .isEqualTo(ExitStatus.FAILED);
    }
    assertThat(directory).isEmptyDirectory();
  }

  @Test
  void aNameThatIsTakenMeanwhileIsNotReplaced() throws IOException {
    Path target = Files.writeString(directory.resolve("model"), "old");

    try (DraftFile draft = DraftFile.in(directory)) {
      assertThatThrownBy(() -> draft.keepAs(target)).hasMessageContaining(target.toString());
    }
    assertThat(target).hasContent("old");
  }
}
