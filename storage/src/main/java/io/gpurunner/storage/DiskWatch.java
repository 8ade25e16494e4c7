package io.gpurunner.storage;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalLong;

/** Looks at a disk that others write to, within a limited time. Thread-safe. */
public final class DiskWatch {
  private static final long BYTES_PER_MEGABYTE = 1_000_000;

  private final String whatItHolds;
  private final String remedy;
  private final long neededBytes;
  private final FreeSpace space;
  private final Lookups lookups;
  private volatile OptionalLong freeBytes = OptionalLong.empty();

  /** Tells how many bytes are free on the disk of a directory. */
  interface FreeSpace {
    long below(Path directory) throws IOException;
  }

  /**
   * @param whatItHolds what the disk holds, for messages
   * @param remedy what an administrator can do if it is full, for messages
   * @param neededBytes the bytes that must be free
   */
  public DiskWatch(String whatItHolds, String remedy, long neededBytes) {
    this(
        whatItHolds,
        remedy,
        neededBytes,
        directory -> Files.getFileStore(directory).getUsableSpace());
  }

  DiskWatch(String whatItHolds, String remedy, long neededBytes, FreeSpace space) {
    this.space = space;
    this.whatItHolds = whatItHolds;
    this.remedy = remedy;
    this.neededBytes = neededBytes;
    this.lookups = new Lookups("disk-watch", "the disk of " + whatItHolds);
  }

  /**
   * Returns why nothing more should be written below a directory. It is empty if there is room, or
   * if this account may not look.
   */
  public Optional<String> whyFull(Path directory) {
    try {
      return lookups.look(() -> whyFullNow(directory));
    } catch (StorageException hangs) {
      freeBytes = OptionalLong.empty();
      return Optional.of(String.valueOf(hangs.getMessage()));
    } catch (UncheckedIOException notAllowed) {
      freeBytes = OptionalLong.empty();
      return Optional.empty();
    }
  }

  /**
   * Returns the bytes that the last look found free. While a look goes on, these are those of the
   * look before. It is empty if the last look failed.
   */
  public OptionalLong freeBytes() {
    return freeBytes;
  }

  private Optional<String> whyFullNow(Path directory) {
    try {
      long free = space.below(directory);
      freeBytes = OptionalLong.of(free);
      return free >= neededBytes
          ? Optional.empty()
          : Optional.of(
              "the disk of %s (%s) is full: %d MB are free, and %d MB are needed; %s"
                  .formatted(
                      whatItHolds,
                      directory,
                      free / BYTES_PER_MEGABYTE,
                      neededBytes / BYTES_PER_MEGABYTE,
                      remedy));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
