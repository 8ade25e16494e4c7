package io.gpurunner.agent.ledger.disk;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import org.h2.store.fs.FilePath;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The lock that keeps a second agent, or a restore, away from a ledger. The system holds it, so it
 * ends with the process. The file stays.
 */
final class LedgerLock implements AutoCloseable {
  private static final String NAME = "lock";
  private static final Logger log = LoggerFactory.getLogger(LedgerLock.class);

  private final FileChannel channel;

  private LedgerLock(FileChannel channel) {
    this.channel = channel;
  }

  /**
   * Takes the lock.
   *
   * @throws LedgerInUse where another has it
   */
  static LedgerLock take(LedgerPlace place) throws IOException {
    FilePath file = place.file(NAME);
    FileChannel channel = file.exists() ? file.open("rw") : place.create(file);
    if (tryLock(channel) == null) {
      channel.close();
      throw new LedgerInUse(place);
    }
    return new LedgerLock(channel);
  }

  private static @Nullable FileLock tryLock(FileChannel channel) throws IOException {
    try {
      return channel.tryLock();
    } catch (OverlappingFileLockException inThisProcess) {
      return null;
    }
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      log.warn("the ledger's lock could not be given up: {}", e.getMessage());
    }
  }
}
