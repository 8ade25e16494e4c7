package io.gpurunner.storage;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.storage.StorageException.Kind;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class DiskErrorsTest {
  private static final String FULL = "No space left on device";

  @Test
  void namesEachFileOnce() {
    AccessDeniedException denied = new AccessDeniedException("/jobs");

    assertThat(DiskErrors.explain("cannot read", Path.of("/jobs"), denied))
        .hasMessage("cannot read /jobs: permission denied")
        .hasCause(denied);
    assertThat(DiskErrors.explain("cannot read", Path.of("/jobs/ai1"), denied))
        .hasMessage("cannot read /jobs/ai1: /jobs: permission denied");
    assertThat(DiskErrors.explain("cannot read the volumes of ai1", denied))
        .hasMessage("cannot read the volumes of ai1: /jobs: permission denied");
  }

  @Test
  void tellsAFullDiskFromOtherFaults() {
    assertThat(DiskErrors.explain("cannot write", new IOException(FULL)))
        .hasMessage("cannot write: No space left on device; free some space on that file system");
    assertThat(kind(new IOException(FULL))).isEqualTo(Kind.FULL);
    assertThat(kind(new FileSystemException("a", null, FULL))).isEqualTo(Kind.FULL);
    assertThat(kind(new FileSystemException("a", null, "Disk quota exceeded")))
        .isEqualTo(Kind.FULL);
    assertThat(kind(new IOException("Input/output error"))).isEqualTo(Kind.REFUSED);
    assertThat(kind(new IOException())).isEqualTo(Kind.REFUSED);
    assertThat(kind(new UnfitContentException("too many"))).isEqualTo(Kind.UNFIT);
  }

  /** A job chooses its files' names. */
  @Test
  void aFilesNameFillsNoDisk() {
    assertThat(kind(new AccessDeniedException("model/" + FULL))).isEqualTo(Kind.REFUSED);
    assertThat(kind(new FileSystemException(FULL, null, "Input/output error")))
        .isEqualTo(Kind.REFUSED);
  }

  private static Kind kind(IOException failure) {
    return DiskErrors.explain("cannot write", failure).kind();
  }
}
