package io.gpurunner.storage;

import io.gpurunner.storage.StorageException.Kind;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Path;

/** Translates errors of the file system to this module's exception. */
final class DiskErrors {
  private DiskErrors() {}

  /**
   * Returns the exception for a call that failed.
   *
   * @param what what failed, as the beginning of a sentence: {@code cannot write …}
   */
  static StorageException explain(String what, IOException cause) {
    return explain(what, FileFault.words(cause), cause);
  }

  /**
   * Returns the exception for a call that failed on one file or directory.
   *
   * @param what what failed, as the beginning of a sentence: {@code cannot read the directory}
   * @param named the file or directory, which follows in the sentence
   */
  static StorageException explain(String what, Path named, IOException cause) {
    return explain(what + " " + named, FileFault.words(cause, named), cause);
  }

  private static StorageException explain(String what, String reason, IOException cause) {
    if (cause instanceof UnfitContentException) {
      return new StorageException(Kind.UNFIT, what + ": " + reason, cause);
    }
    return isFull(cause)
        ? new StorageException(
            Kind.FULL, what + ": " + reason + "; free some space on that file system", cause)
        : new StorageException(Kind.REFUSED, what + ": " + reason, cause);
  }

  /** Returns whether the error says that the disk, or the job's share of it, is full. */
  static boolean isFull(IOException cause) {
    // The file's name does not count, because a job may have chosen it.
    String told =
        cause instanceof FileSystemException about ? about.getReason() : cause.getMessage();
    return told != null
        && (told.contains("No space left on device") || told.contains("Disk quota exceeded"));
  }
}
