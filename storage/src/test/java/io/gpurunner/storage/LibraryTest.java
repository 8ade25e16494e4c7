package io.gpurunner.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LibraryTest {
  @TempDir Path directory;

  private Library library() throws Exception {
    Path library = directory.resolve("library");
    Files.createDirectories(library.resolve("iris"));
    Files.createDirectories(library.resolve(".hidden"));
    Files.writeString(library.resolve("corpus.txt"), "text");
    Files.writeString(directory.resolve("outside"), "secret");
    Files.createSymbolicLink(library.resolve("alias"), Path.of("iris"));
    Files.createSymbolicLink(library.resolve("etc"), Path.of("/etc"));
    Files.createSymbolicLink(library.resolve("up"), Path.of("../outside"));
    Files.createSymbolicLink(library.resolve("self"), Path.of("."));
    Files.createSymbolicLink(library.resolve("loop"), Path.of("loop"));
    Files.createSymbolicLink(library.resolve("dangling"), Path.of("nowhere"));
    HostileTree.shell(library, "mkfifo pipe; mkdir 'new\nline'");
    return new Library(library);
  }

  @Test
  void namesWhatItHolds() throws Exception {
    assertThat(library().names()).containsExactly("alias", "corpus.txt", "iris");
  }

  @Test
  void findsByExactName() throws Exception {
    Library library = library();
    Path real = directory.toRealPath().resolve("library");

    assertThat(library.find("iris")).contains(real.resolve("iris"));
    assertThat(library.find("alias")).contains(real.resolve("iris"));
    assertThat(library.find("corpus.txt")).contains(real.resolve("corpus.txt"));
  }

  @Test
  void findsNothingElse() throws Exception {
    Library library = library();

    for (String name :
        List.of(
            "",
            ".",
            "..",
            "../outside",
            "iris/..",
            "iris/",
            "/etc",
            "IRIS",
            ".hidden",
            "etc",
            "up",
            "self",
            "loop",
            "dangling",
            "pipe",
            "new\nline",
            "iris\u0000",
            "iri",
            "x".repeat(5000),
            "\ud800")) {
      assertThat(library.find(name)).as(name).isEmpty();
    }
  }

  @Test
  void isEmptyWhereThereIsNone() {
    Library none = new Library(directory.resolve("missing"));

    assertThat(none.names()).isEmpty();
    assertThat(none.find("iris")).isEmpty();
  }

  @Test
  void saysThatItIsNoDirectory() throws Exception {
    Path file = Files.writeString(directory.resolve("file"), "");

    assertThatThrownBy(() -> new Library(file).names())
        .isInstanceOf(StorageException.class)
        .hasMessageContaining(file.toString());
  }
}
