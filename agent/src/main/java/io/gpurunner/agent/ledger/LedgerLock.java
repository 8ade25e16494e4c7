package io.gpurunner.agent.ledger;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import org.jspecify.annotations.Nullable;

/**
 * Keeps a second agent, and whoever restores a copy, away from a ledger for as long as it is held,
 * also while its database is closed to be compacted. The lock is the system's and ends with the
 * process, however that ends; the file stays. H2's own lock on the database is not enough: the
 * system drops it when anybody in this process has read the file and closes it.
 */
final class LedgerLock implements AutoCloseable {
  private final FileChannel channel;

  private LedgerLock(FileChannel channel) {
    this.channel = channel;
  }

  /**
   * @throws LedgerException FAILED where it is held by another
   */
  static LedgerLock take(LedgerPlace place) {
    try {
      place.makePrivate(place.lock());
      FileChannel channel = place.lock().open("rw");
      if (tryLock(channel) == null) {
        channel.close();
        throw inUse(place);
      }
      return new LedgerLock(channel);
    } catch (IOException | RuntimeException e) {
      throw e instanceof LedgerException known ? known : LedgerFile.openingFailure(place, e);
    }
  }

  private static @Nullable FileLock tryLock(FileChannel channel) throws IOException {
    try {
      return channel.tryLock();
    } catch (OverlappingFileLockException inThisProcess) {
      return null;
    }
  }

  static LedgerException inUse(LedgerPlace place) {
    return new LedgerException(
        LedgerException.Kind.FAILED,
        "another agent already uses "
            + place.path()
            + ": stop it, or give this one another state-dir");
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw new LedgerException(
          LedgerException.Kind.FAILED, "the ledger's lock could not be given up", e);
    }
  }
}
