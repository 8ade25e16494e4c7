package io.gpurunner.agent.ledger.disk;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.Optional;
import java.util.Random;
import org.h2.store.fs.FilePath;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Room on the ledger's disk that is given up when the disk is full, so that the index and the next
 * spare segment can still be written. Without it no job is taken. Thread-safe.
 */
final class Reserve {
  private static final String NAME = "reserve";
  private static final int BUFFER_BYTES = 64 << 10;

  /** The reserve is taken again where so many times its length is free on the disk. */
  private static final int ROOM = 8;

  private static final Logger log = LoggerFactory.getLogger(Reserve.class);

  private final LedgerPlace place;
  private final int bytes;

  /** Changed under the lock, which is held over work on the disk. */
  private volatile boolean held;

  /**
   * @param bytes its length; the index is written in pieces of this size at most
   */
  Reserve(LedgerPlace place, int bytes) {
    this.place = place;
    this.bytes = bytes;
    this.held = file().size() == bytes;
  }

  private FilePath file() {
    return place.file(NAME);
  }

  /**
   * Gives it up where the disk is full.
   *
   * @return whether it was there, and is given up now
   */
  synchronized boolean giveUpWhereFull() {
    boolean given = held && freeBytes() < roomBytes();
    if (given) {
      held = false;
      try {
        place.delete(file());
        log.warn("the disk of {} is full: its reserve is given up", place.directory());
      } catch (IOException e) {
        log.warn("the reserve cannot be removed: {}", e.getMessage());
      }
    }
    return given;
  }

  /** Takes it where there is room. */
  synchronized void takeWhereRoom() {
    if (held || freeBytes() < roomBytes()) {
      return;
    }
    try (FileChannel channel = place.create(file())) {
      byte[] noise = new byte[BUFFER_BYTES]; // not zeroes, which some file systems do not store
      Random random = new Random(1);
      for (int at = 0; at < bytes; at += BUFFER_BYTES) {
        random.nextBytes(noise);
        LedgerPlace.write(
            channel, ByteBuffer.wrap(noise, 0, Math.min(BUFFER_BYTES, bytes - at)), at);
      }
      held = true;
    } catch (IOException e) {
      log.warn("the reserve cannot be written: {}", e.getMessage());
    }
  }

  /** Why no job can be taken; empty where it is there. Never blocks, even if the disk hangs. */
  Optional<String> fault() {
    return held
        ? Optional.empty()
        : Optional.of(
            "the disk of "
                + place.directory()
                + " is full, what is left is for the ends of jobs: free "
                + roomBytes() / 1_000_000
                + " MB on it");
  }

  private long roomBytes() {
    return (long) ROOM * bytes;
  }

  private long freeBytes() {
    try {
      return place.freeBytes();
    } catch (IOException e) {
      log.warn("how much of the ledger's disk is free is not known: {}", e.getMessage());
      return 0;
    }
  }
}
