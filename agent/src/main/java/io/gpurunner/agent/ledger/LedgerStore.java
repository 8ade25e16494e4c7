package io.gpurunner.agent.ledger;

import java.io.IOException;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Function;
import org.jdbi.v3.core.Handle;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The ledger's file through its life: opened anew after a fault, compacted once it has grown.
 * Reading is thread-safe; all else is for the ledger's thread.
 */
final class LedgerStore implements LedgerDatabase {
  /** The file is compacted once it has grown to so many times what was left the last time. */
  private static final long COMPACT_GROWTH = 4;

  /** Shortest time between two compactions, also where one failed. */
  private static final Duration COMPACT_PAUSE = Duration.ofMinutes(10);

  /** From one that failed to write the file anew, after a failed sync, to the next try. */
  private static final Duration ANEW_PAUSE = Duration.ofMinutes(1);

  /** From one try to make a journal that could not be made to the next. */
  private static final Duration JOURNAL_PAUSE = Duration.ofMinutes(1);

  private static final Logger log = LoggerFactory.getLogger(LedgerStore.class);

  private final LedgerPlace place;
  private final Clock clock;
  private final LedgerSizes sizes;

  /** Readers share it; whoever opens the file anew has it alone. */
  private final ReadWriteLock opening = new ReentrantReadWriteLock();

  /** Empty while it could not be opened again. */
  private volatile Optional<LedgerFile> file = Optional.empty();

  private final LedgerLock lock;
  private final LedgerReserve reserve;

  private long compactedBytes;
  private Instant compactNotBefore = Instant.MIN;
  private boolean lacksRoomToCompact;
  private Instant journalNotBefore = Instant.MIN;
  private Instant anewNotBefore = Instant.MIN;

  /**
   * @throws LedgerException FAILED naming the file
   */
  LedgerStore(LedgerPlace place, Clock clock, LedgerSizes sizes) {
    this.place = place;
    this.clock = clock;
    this.sizes = sizes;
    this.lock = LedgerLock.take(place);
    this.reserve = new LedgerReserve(place);
    try {
      this.file = Optional.of(openFirst());
      this.compactedBytes = JobRows.compactedBytes(writing());
    } catch (RuntimeException e) {
      shut();
      lock.close();
      throw LedgerFile.openingFailure(place, e);
    }
  }

  @Override
  public boolean isOpen() {
    return file.isPresent();
  }

  @Override
  public Handle writing() {
    return open().writing();
  }

  @Override
  public Connection connection() {
    return open().connection();
  }

  @Override
  public RowWriter rows() {
    return open().rows();
  }

  /** What the journal has may be too much for a disk that was filled meanwhile. */
  private LedgerFile openFirst() {
    try {
      return openFile();
    } catch (LedgerException e) {
      if (giveUpReserveWhereFull()) {
        return openFile();
      }
      throw e;
    }
  }

  /** With more room, a file that is to be written anew need not wait for its next try. */
  private boolean giveUpReserveWhereFull() {
    boolean given = reserve.giveUpWhereFull();
    if (given) {
      anewNotBefore = Instant.MIN;
    }
    return given;
  }

  private LedgerFile openFile() {
    if (place.mayLackOnDisk()) {
      requireAnewPause();
    }
    LedgerFile opened = LedgerFile.open(place, clock, sizes.journalBytes());
    anewNotBefore = Instant.MIN;
    return opened;
  }

  private void requireAnewPause() {
    Instant now = clock.instant();
    if (now.isBefore(anewNotBefore)) {
      throw new LedgerException(
          LedgerException.Kind.FAILED,
          describe()
              + " may not be on disk as it can be read, and could not be written anew; that is"
              + " tried again at "
              + anewNotBefore.truncatedTo(ChronoUnit.SECONDS));
    }
    anewNotBefore = now.plus(ANEW_PAUSE);
  }

  @Override
  public void commit() throws SQLException {
    open().commit();
  }

  @Override
  public long commits() {
    return open().commits();
  }

  @Override
  public <T> T read(Function<Handle, T> query) {
    opening.readLock().lock();
    try {
      return open().read(query);
    } finally {
      opening.readLock().unlock();
    }
  }

  private LedgerFile open() {
    return file.orElseThrow(
        () -> new LedgerException(LedgerException.Kind.FAILED, describe() + " is not open"));
  }

  @Override
  public Optional<String> fault() {
    return reserve.fault();
  }

  @Override
  public String describe() {
    return "the ledger " + place.path();
  }

  @Override
  public void openAnew() {
    openAnew(this::giveUpReserveWhereFull);
  }

  private void openAnew(Runnable meanwhile) {
    opening.writeLock().lock();
    try {
      shut();
      meanwhile.run();
    } finally {
      try {
        file = Optional.of(openFile());
      } finally {
        opening.writeLock().unlock();
      }
    }
  }

  @Override
  public void checkpoint() throws SQLException {
    if (isOpen()) {
      open().checkpoint();
    }
  }

  @Override
  public void compactWhereGrown() throws SQLException {
    reserve.takeWhereRoom();
    makeJournalWhereLacking();
    long bytes = open().bytes();
    boolean grown = bytes > Math.max(sizes.compactFromBytes(), COMPACT_GROWTH * compactedBytes);
    if (!grown || clock.instant().isBefore(compactNotBefore)) {
      return;
    }
    compactNotBefore = clock.instant().plus(COMPACT_PAUSE);
    if (!hasRoomToCompact(bytes)) {
      return;
    }
    long startedNanos = System.nanoTime();
    openAnew(() -> LedgerFile.compact(place));
    compactedBytes = open().bytes();
    try {
      JobRows.recordCompactedBytes(rows(), compactedBytes);
      commit();
    } catch (SQLException | RuntimeException e) {
      shut(); // whether that is on disk, and counted, is seen once it is open again
      throw e;
    }
    log.info(
        "the ledger was compacted from {} to {} MB in {} ms",
        bytes / 1_000_000,
        compactedBytes / 1_000_000,
        (System.nanoTime() - startedNanos) / 1_000_000);
  }

  private void makeJournalWhereLacking() {
    if (clock.instant().isBefore(journalNotBefore)) {
      return;
    }
    try {
      if (open().hasJournal(sizes.journalBytes())) {
        return;
      }
    } catch (IOException e) {
      log.warn("{} cannot be made: {}", place.journal(), e.getMessage());
    }
    journalNotBefore = clock.instant().plus(JOURNAL_PAUSE);
  }

  /**
   * Jobs write to the same disk: what may not fit is not begun. Told once. What was written last
   * time may have doubled since; were the whole file's length asked for, one that has outgrown its
   * disk would never be compacted.
   */
  private boolean hasRoomToCompact(long bytes) {
    long expected = compactedBytes > 0 ? Math.min(bytes, 2 * compactedBytes) : bytes;
    long need = expected + LedgerReserve.ROOM_BYTES;
    boolean room = reserve.freeBytes() >= need;
    if (!room && !lacksRoomToCompact) {
      log.warn(
          "{} has grown to {} MB and is not compacted: that needs {} MB free on its disk",
          place.path(),
          bytes / 1_000_000,
          need / 1_000_000);
    }
    lacksRoomToCompact = !room;
    return room;
  }

  @Override
  public void backUpWhereLast(Duration interval) {
    Instant now = clock.instant();
    if (LedgerBackups.isDue(place, interval, now)) {
      LedgerBackups.makeOwn(place, now);
    }
  }

  @Override
  public void shut() {
    file.ifPresent(LedgerFile::close);
    file = Optional.empty();
  }

  @Override
  public void close() {
    try {
      checkpoint(); // so that the database's file alone is all there is to copy
    } catch (SQLException | RuntimeException e) {
      log.warn("{}: the last commits are in its journal only: {}", describe(), e.getMessage());
    }
    shut();
    lock.close();
  }
}
