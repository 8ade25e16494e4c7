package io.gpurunner.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.Set;
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
    return new Library("library.datasets", library);
  }

  @Test
  void namesWhatItHolds() throws Exception {
    Library library = library();
    assertThat(library.first(50))
        .isEqualTo(new Library.Names(List.of("alias", "corpus.txt", "iris"), false));
    assertThat(library.first(2)).isEqualTo(new Library.Names(List.of("alias", "corpus.txt"), true));
  }

  /** Every name that leads to the entry, into it, or to a directory with it, is closed. */
  @Test
  void anEntryOfOtherUsersIsNotThereByWhateverName() throws Exception {
    library();
    Path real = directory.toRealPath().resolve("library");
    Files.createDirectories(real.resolve("patients/2024"));
    Files.createDirectories(real.resolve("lab/llm"));
    Files.createDirectories(real.resolve("lab/open"));
    Files.createSymbolicLink(real.resolve("friendly"), Path.of("patients"));
    Files.createSymbolicLink(real.resolve("deep"), Path.of("patients/2024"));
    Files.createSymbolicLink(real.resolve("named"), Path.of("iris"));
    Library library =
        new Library(
            "library.datasets",
            real,
            new LibraryAccess(
                Map.of(
                    "patients", Set.of("alice"),
                    "lab/llm", Set.of("alice", "bob"),
                    "named", Set.of("alice"),
                    "absent", Set.of("alice"))));
    for (Library closed : List.of(library, library.asSeenBy("eve"), library.asSeenBy("Alice"))) {
      for (String name :
          List.of(
              "patients", "patients/2024", "friendly", "deep", "lab", "lab/llm", "named", "iris")) {
        assertThat(closed.find(name)).as(name).isEmpty();
        assertThat(closed.hasDirectory(name, "x")).as(name).isFalse();
      }
      assertThat(closed.find("lab/open")).contains(real.resolve("lab/open"));
      assertThat(closed.first(50).names()).containsExactly("corpus.txt");
    }
    Library alices = library.asSeenBy("alice");
    assertThat(alices.find("friendly")).contains(real.resolve("patients"));
    assertThat(alices.find("lab")).contains(real.resolve("lab"));
    assertThat(alices.find("iris")).contains(real.resolve("iris"));
    Library bobs = library.asSeenBy("bob");
    assertThat(bobs.find("lab/llm")).contains(real.resolve("lab/llm"));
    assertThat(bobs.find("patients")).isEmpty();
    Files.createDirectory(real.resolve("absent"));
    assertThat(bobs.find("absent")).isEmpty();
  }

  /**
   * The engine finds an entry again by its path. Where others may rename it meanwhile, that is
   * told; elsewhere the kernel lets nobody do it.
   */
  @Test
  void warnsWhereOthersMayPutALinkInThePlaceOfAnEntry() throws Exception {
    Library library = library();
    Path real = directory.toRealPath().resolve("library");
    Files.createDirectories(real.resolve("lab/llm"));
    Library alices = library.asSeenBy("alice");
    for (String mode : List.of("rwxrwxr-x", "rwxr-xrwx", "rwxrwxrwx")) {
      Files.setPosixFilePermissions(real.resolve("lab"), PosixFilePermissions.fromString(mode));
      assertThat(alices.find("lab/llm")).isPresent();
      assertThat(library.warning())
          .get()
          .asString()
          .startsWith("library.datasets: others than root may rename what is in ")
          .contains("chmod go-w " + real.resolve("lab"));
    }
    Files.setPosixFilePermissions(
        real.resolve("lab"), PosixFilePermissions.fromString("rwxr-xr-x"));
    assertThat(alices.find("lab/llm")).isPresent();
    assertThat(library.warning()).isEmpty();
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
  void findsADirectoryOfAnOwner() throws Exception {
    Library library = library();
    Path real = directory.toRealPath().resolve("library");
    Files.createDirectories(real.resolve("google/bert/snapshots"));
    Files.createDirectories(real.resolve("google/.cache"));
    Files.createSymbolicLink(real.resolve("google/out"), directory.toRealPath());

    assertThat(library.find("google/bert")).contains(real.resolve("google/bert"));
    for (String name :
        List.of(
            "google/none",
            "google/out",
            "google/.cache",
            "google/..",
            "google/../google",
            "google//bert",
            "/google/bert",
            "google/bert/",
            "google/bert/snapshots")) {
      assertThat(library.find(name)).as(name).isEmpty();
    }
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
  void saysWhetherADirectoryIsInAnEntry() throws Exception {
    Path entry = directory.resolve("squad/cache");
    Files.createDirectories(entry.resolve("deep"));
    Files.writeString(entry.resolve("file"), "");
    Files.createSymbolicLink(entry.resolve("link"), Path.of("deep"));
    Files.createSymbolicLink(directory.resolve("same"), Path.of("squad"));
    Library library = new Library("library.datasets", directory);
    for (String name : List.of("squad", "same")) {
      assertThat(library.hasDirectory(name, "cache")).isTrue();
      assertThat(library.hasDirectory(name, "cache/deep")).isTrue();
      for (String other : List.of("x", "cache/file", "cache/file/x", "cache/link", "../squad")) {
        assertThat(library.hasDirectory(name, other)).as(other).isFalse();
      }
    }
    assertThat(library.hasDirectory("absent", "cache")).isFalse();
  }

  @Test
  void isEmptyWhereThereIsNone() {
    Library none = new Library("library.datasets", directory.resolve("missing"));

    assertThat(none.first(50)).isEqualTo(new Library.Names(List.of(), false));
    assertThat(none.find("iris")).isEmpty();
  }

  /** Users learn the name of the library, and not its path on the host. */
  @Test
  void saysThatItCannotBeRead() throws Exception {
    Path file = Files.writeString(directory.resolve("file"), "");

    assertThatThrownBy(() -> new Library("library.datasets", file).first(50))
        .isInstanceOf(StorageException.class)
        .hasMessageStartingWith("the library library.datasets cannot be read: is not a directory")
        .hasMessageNotContaining(file.toString())
        .extracting(thrown -> ((StorageException) thrown).kind())
        .isEqualTo(StorageException.Kind.UNAVAILABLE);
  }

  /** A name is looked up without listing the library, which takes long for a large one. */
  @Test
  void readsOnlySoManyEntriesForAMessage() throws Exception {
    Path library = Files.createDirectory(directory.resolve("large"));
    for (int entry = 0; entry <= Library.READ_LIMIT; entry++) {
      Files.createFile(library.resolve("set-" + entry));
    }
    Library large = new Library("library.datasets", library);

    Library.Names names = large.first(50);

    assertThat(names.names()).hasSize(50).isSorted();
    assertThat(names.more()).isTrue();
    assertThat(large.find("set-" + Library.READ_LIMIT)).isPresent();
  }
}
