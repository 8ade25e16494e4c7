package io.gpurunner.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import io.gpurunner.storage.StorageException.Kind;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The local store on a disk that gets full. Needs root to mount the disk. */
class LocalArtifactStoreIT {
  private static final int MB = 1 << 20;
  private static final long RESERVE = 8L * MB;
  private static final ObjectKey KEY = new ObjectKey(new JobFolder("ai1"), "model");

  @TempDir Path directory;

  @BeforeEach
  void mount() throws Exception {
    HostileTree.shell(directory, "mount -t tmpfs -o size=48m none \"$PWD\"");
  }

  @AfterEach
  void unmount() throws Exception {
    HostileTree.shell(Path.of("/"), "umount '" + directory + "'");
  }

  private LocalArtifactStore store(long reserveBytes) {
    return new LocalArtifactStore(
        directory.resolve("artifacts"), URI.create("http://localhost"), new byte[32], reserveBytes);
  }

  private void assertFull(LocalArtifactStore store, ArtifactContent content, String... words)
      throws IOException {
    assertThatThrownBy(() -> store.put(KEY, content, Cancellation.NEVER))
        .hasMessageContainingAll(
            "disk of the local store " + directory.resolve("artifacts") + " is full", "ai1/model")
        .hasMessageContainingAll(words)
        .asInstanceOf(type(StorageException.class))
        .extracting(StorageException::kind)
        .isEqualTo(Kind.FULL);
    try (Stream<Path> left = Files.walk(directory.resolve("artifacts"))) {
      assertThat(left.filter(Files::isRegularFile)).isEmpty();
    }
  }

  /** Content at whose reading somebody else writes to the disk. */
  private ArtifactContent whileOthersWrite(int bytes, int othersBytes) {
    return new ArtifactContent() {
      @Override
      public long lengthBytes() {
        return bytes;
      }

      @Override
      public String mediaType() {
        return "application/octet-stream";
      }

      @Override
      public InputStream open(long offset) throws IOException {
        Files.write(directory.resolve("others"), new byte[othersBytes]);
        return new BytesContent(new byte[bytes], mediaType()).open(offset);
      }
    };
  }

  @Test
  void beginsNothingThatDoesNotFit() throws Exception {
    byte[] bytes = new byte[41 * MB];

    assertFull(
        store(RESERVE),
        ArtifactStoreContract.content(bytes),
        bytes.length + " bytes",
        "above the " + RESERVE + " kept");
    store(RESERVE).put(KEY, ArtifactStoreContract.content(new byte[30 * MB]), Cancellation.NEVER);
  }

  @Test
  void stopsBeforeTheReserve() throws Exception {
    assertFull(store(RESERVE), whileOthersWrite(30 * MB, 12 * MB), "free above");

    assertThat(Files.getFileStore(directory).getUsableSpace()).isGreaterThan(RESERVE);
  }

  @Test
  void saysThatTheDiskIsFullWhenItIs() throws Exception {
    // The content is so short that the free space is looked at only before it.
    assertFull(store(0), whileOthersWrite(4 * MB, 46 * MB), 4 * MB + " bytes");
  }
}
