package io.gpurunner.storage;

import io.gpurunner.storage.StorageException.Kind;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;

/** Translates errors of the file system to this module's exception. */
final class DiskErrors {
  private DiskErrors() {}

  /**
   * @param what what failed, as the beginning of a sentence: {@code cannot write …}
   */
  static StorageException explain(String what, IOException cause) {
    if (cause instanceof UnfitContentException unfit) {
      return new StorageException(Kind.UNFIT, what + ": " + unfit.getMessage(), unfit);
    }
    String reason = reason(cause);
    if (isFull(reason)) {
      return new StorageException(
          Kind.FULL, what + ": " + reason + "; free some space on that file system", cause);
    }
    return new StorageException(Kind.REFUSED, what + ": " + reason, cause);
  }

  /** Returns whether the error says that the disk, or the job's share of it, is full. */
  static boolean isFull(IOException cause) {
    return isFull(reason(cause));
  }

  private static boolean isFull(String reason) {
    return reason.contains("No space left on device") || reason.contains("Disk quota exceeded");
  }

  private static String reason(IOException cause) {
    return switch (cause) {
      case FileSystemException told when told.getReason() != null ->
          told.getReason() + ": " + told.getFile();
      case NoSuchFileException missing -> "no such file or directory: " + missing.getFile();
      case AccessDeniedException denied -> "permission denied: " + denied.getFile();
      default -> String.valueOf(cause.getMessage());
    };
  }
}
