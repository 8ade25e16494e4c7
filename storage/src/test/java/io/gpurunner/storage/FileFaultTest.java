package io.gpurunner.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class FileFaultTest {
  @TempDir private Path directory;

  @Test
  void saysWhyAndNotOnlyWhere() throws IOException {
    Path file = Files.createFile(directory.resolve("file"));
    Path below = file.resolve("below");
    Path absent = directory.resolve("absent");

    assertThat(words(file, () -> Files.createDirectories(file)))
        .isEqualTo("is there already and is not a directory");
    assertThat(words(below, () -> Files.readString(below))).isEqualTo("not a directory");
    assertThat(words(absent, () -> Files.readString(absent)))
        .isEqualTo("no such file or directory");
    assertThat(words(directory, () -> Files.readString(directory))).isEqualTo("Is a directory");
    assertThat(FileFault.words(new NotDirectoryException(file.toString()), file))
        .isEqualTo("is not a directory");
    Path loop = directory.resolve("loop");
    Files.createSymbolicLink(loop, loop);
    assertThat(words(loop, () -> Files.readString(loop))).containsIgnoringCase("symbolic links");
  }

  @Test
  void namesTheFileWhereItIsAnotherOne() {
    AccessDeniedException denied = new AccessDeniedException("/a");
    assertThat(FileFault.words(denied, Path.of("/a"))).isEqualTo("permission denied");
    assertThat(FileFault.words(denied, Path.of("/a/b"))).isEqualTo("/a: permission denied");
    assertThat(FileFault.words(denied)).isEqualTo("/a: permission denied");
    assertThat(FileFault.words(new FileSystemException("/a"), Path.of("/a")))
        .isEqualTo("FileSystemException");
    assertThat(FileFault.words(new IOException("Broken pipe"))).isEqualTo("Broken pipe");
    assertThat(FileFault.words(new IOException(), Path.of("/a"))).isEqualTo("IOException");
  }

  @Test
  void theReasonAloneNamesNoFile() {
    assertThat(FileFault.reason(new NoSuchFileException("/secret")))
        .isEqualTo("no such file or directory");
    assertThat(FileFault.reason(new FileSystemException("/secret", null, "Input/output error")))
        .isEqualTo("input/output error");
    assertThat(FileFault.reason(new NoSuchFileException("/secret", null, "is not in /Mixed")))
        .as("a reason that the exception gives says more than its type")
        .isEqualTo("is not in /Mixed");
  }

  private static String words(Path named, ThrowingCallable call) {
    return FileFault.words(catchThrowableOfType(IOException.class, call), named);
  }
}
