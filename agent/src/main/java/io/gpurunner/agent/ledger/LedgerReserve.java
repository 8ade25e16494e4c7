package io.gpurunner.agent.ledger;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.Optional;
import java.util.Random;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Room on the ledger's disk that is given up when the ledger can no longer be written for lack of
 * it, so that the ends of jobs are recorded on a disk that somebody else has filled. No job is
 * taken until it is there again. For the ledger's thread; {@link #fault} for any.
 */
final class LedgerReserve {
  /**
   * The journal has its full length already; the database grows by 24 kB at the least each time it
   * is written, once for all commits that the journal took meanwhile. The end of a job is six
   * commits: enough for 50 jobs where each commit comes alone, and for many more that end together.
   */
  private static final int BYTES = 8 << 20;

  /** Free on the disk before the reserve is taken again, and below which a failure is its. */
  static final long ROOM_BYTES = 8L * BYTES;

  private static final Logger log = LoggerFactory.getLogger(LedgerReserve.class);

  private final LedgerPlace place;
  private volatile boolean held;

  LedgerReserve(LedgerPlace place) {
    this.place = place;
    this.held = place.reserve().size() == BYTES;
    takeWhereRoom();
  }

  /**
   * After a failure to write.
   *
   * @return whether there is more room now
   */
  boolean giveUpWhereFull() {
    if (!held || freeBytes() >= ROOM_BYTES) {
      return false;
    }
    held = false;
    removeQuietly();
    log.warn("{} is given up: {}", place.reserve(), fault().orElse(""));
    return true;
  }

  /** Takes it again once somebody has freed space. */
  void takeWhereRoom() {
    if (held || freeBytes() < ROOM_BYTES) {
      return;
    }
    try {
      write();
      held = true;
    } catch (IOException e) {
      log.warn("{} cannot be written: {}", place.reserve(), e.getMessage());
      removeQuietly();
    }
  }

  /** Why no job can be taken; empty where the reserve is there. */
  Optional<String> fault() {
    return held
        ? Optional.empty()
        : Optional.of(
            "the disk of "
                + place.path()
                + " is full, and what was kept for the ends of jobs is in use; free "
                + ROOM_BYTES / 1_000_000
                + " MB on it");
  }

  /** Not zeroes, which some file systems do not store. */
  private void write() throws IOException {
    place.makePrivate(place.reserve());
    byte[] noise = new byte[1 << 20];
    new Random(1).nextBytes(noise);
    try (FileChannel channel = place.reserve().open("rw")) {
      for (int at = 0; at < BYTES; at += noise.length) {
        ByteBuffer part = ByteBuffer.wrap(noise);
        while (part.hasRemaining()) {
          channel.write(part, at + part.position());
        }
      }
    }
  }

  /** Of the disk; 0 where that is not known. */
  long freeBytes() {
    try {
      return place.freeBytes();
    } catch (IOException e) {
      log.warn("how much of the ledger's disk is free is not known: {}", e.getMessage());
      return 0;
    }
  }

  private void removeQuietly() {
    try {
      LedgerPlace.delete(place.reserve());
    } catch (IOException e) {
      log.warn("{} cannot be removed: {}", place.reserve(), e.getMessage());
    }
  }
}
