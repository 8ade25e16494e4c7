package io.gpurunner.agent.ledger.disk;

import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A ledger on disk: the journal, which is the record, the snapshots that let it be short, and the
 * index that is asked. One process at a time has it. Recording is for one thread; the rest is
 * thread-safe.
 *
 * <pre>
 * record ──▶ Journal (journal-…, spare) ──▶ answered
 *                │ behind that
 *                ├──▶ IndexFeed ──▶ Index (index.mv) ◀── queries
 *                └──▶ Snapshots (snapshot-…), then older segments go
 * </pre>
 */
public final class LedgerDisk implements LedgerStore {
  /** The length of a segment of the journal. */
  public static final int SEGMENT_BYTES = Journal.SEGMENT_BYTES;

  /** A new snapshot is made after so many full segments. */
  private static final int SNAPSHOT_SEGMENTS = 2;

  /** A long snapshot waits for more segments, up to this number: each one writes all jobs again. */
  private static final int SNAPSHOT_SEGMENTS_LIMIT = 4;

  /** A snapshot waits for one full segment for each so many segments that it is long. */
  private static final int SNAPSHOT_RATIO = 4;

  /** The longest time between two looks at the files. */
  private static final Duration TIDY_INTERVAL = Duration.ofSeconds(1);

  private static final Logger log = LoggerFactory.getLogger(LedgerDisk.class);

  private final LedgerPlace place;
  private final LedgerLock lock;
  private final Journal journal;
  private final IndexFeed feed;
  private final Reserve reserve;
  private final int segmentBytes;
  private final Semaphore bell = new Semaphore(0);
  private Optional<Thread> tidying = Optional.empty();
  private volatile boolean closing;
  private volatile Optional<String> fault = Optional.empty();

  private LedgerDisk(
      LedgerPlace place,
      LedgerLock lock,
      Journal journal,
      IndexFeed feed,
      Reserve reserve,
      int segmentBytes) {
    this.place = place;
    this.lock = lock;
    this.journal = journal;
    this.feed = feed;
    this.reserve = reserve;
    this.segmentBytes = segmentBytes;
  }

  /**
   * Opens a ledger, or makes one where there is none.
   *
   * @param segmentBytes the length of a segment of the journal
   * @param listener hears which changes are in the index
   * @throws IOException where another process has it, or what it holds is damaged; says which
   */
  public static LedgerDisk open(
      LedgerPlace place, int segmentBytes, Consumer<Collection<Change>> listener)
      throws IOException {
    place.make();
    LedgerLock lock = LedgerLock.take(place);
    try {
      if (Backups.isEmpty(place)) {
        Backups.requireNew(place);
        Snapshots.makeFirst(place, UUID.randomUUID().toString());
      }
      Reserve reserve = new Reserve(place, segmentBytes);
      Journal journal = openJournal(place, segmentBytes, reserve);
      IndexFeed feed = new IndexFeed(place, journal.ledger(), journal.last(), reserve, listener);
      LedgerDisk opened = new LedgerDisk(place, lock, journal, feed, reserve, segmentBytes);
      opened.takeSpare();
      return opened;
    } catch (IOException | RuntimeException e) {
      lock.close();
      throw e;
    }
  }

  private static Journal openJournal(LedgerPlace place, int segmentBytes, Reserve reserve)
      throws IOException {
    List<Long> snapshots = Snapshots.numbers(place);
    String name = nameOf(place, snapshots);
    try {
      return Journal.open(place, segmentBytes, name, snapshots.getLast());
    } catch (IOException e) {
      if (reserve.giveUpWhereFull()) {
        return Journal.open(place, segmentBytes, name, snapshots.getLast());
      }
      throw e;
    }
  }

  /** The name of the ledger, from the newest snapshot that can be opened. */
  private static String nameOf(LedgerPlace place, List<Long> snapshots) throws IOException {
    List<IOException> failures = new ArrayList<>();
    for (long number : snapshots.reversed()) {
      try (Snapshot snapshot = Snapshot.open(Snapshots.file(place, number))) {
        return snapshot.header().ledger();
      } catch (IOException e) {
        failures.add(e);
      }
    }
    throw failures.getFirst();
  }

  /** Starts the threads that write the index, the snapshots and the spare segment. */
  public void start() {
    feed.start();
    tidying = Optional.of(Thread.ofPlatform().name("ledger-tidy").daemon(true).start(this::loop));
  }

  private void loop() {
    try {
      while (!closing) {
        tidy();
        boolean _ = bell.tryAcquire(TIDY_INTERVAL.toMillis(), TimeUnit.MILLISECONDS);
      }
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a thread here", e);
    }
  }

  @Override
  public Needed needed() throws IOException {
    return Snapshots.readNeeded(place, journal.last());
  }

  @Override
  public void record(List<Entry> entries) throws IOException {
    journal.append(entries);
    if (!journal.hasSpare()) {
      bell.release();
    }
  }

  @Override
  public void publish(Collection<Change> changes) {
    feed.offer(changes, journal.last());
  }

  @Override
  public synchronized void tidy() {
    takeSpare();
    try {
      if (isSnapshotDue()) {
        long number = journal.lastOfFullAfter(newestSnapshot(), SNAPSHOT_SEGMENTS_LIMIT);
        long keepFrom = Snapshots.make(place, journal.ledger(), number);
        journal.dropBefore(keepFrom);
      }
    } catch (IOException e) {
      log.error("no snapshot of the ledger could be made: {}", e.getMessage());
    }
  }

  @Override
  public void retry() {
    takeSpare();
    feed.retry();
  }

  private boolean isSnapshotDue() throws IOException {
    long newest = newestSnapshot();
    long segments = Snapshots.file(place, newest).size() / segmentBytes / SNAPSHOT_RATIO;
    return journal.fullSegmentsAfter(newest)
        >= Math.clamp(segments, SNAPSHOT_SEGMENTS, SNAPSHOT_SEGMENTS_LIMIT);
  }

  private long newestSnapshot() throws IOException {
    return Snapshots.numbers(place).getLast();
  }

  private void takeSpare() {
    reserve.takeWhereRoom();
    try {
      makeSpare();
      fault = Optional.empty();
    } catch (IOException e) {
      if (fault.isEmpty()) {
        log.error("the ledger cannot take room on its disk: {}", e.getMessage());
      }
      fault = Optional.of("the next segment of the journal cannot be made: " + e.getMessage());
    }
  }

  private void makeSpare() throws IOException {
    try {
      journal.makeSpare();
    } catch (IOException e) {
      if (!reserve.giveUpWhereFull()) {
        throw e;
      }
      journal.makeSpare();
    }
  }

  @Override
  public void awaitIndex() {
    feed.awaitOpen();
  }

  @Override
  public <T> T read(Function<IndexView, T> query) throws IOException {
    return feed.read(query);
  }

  @Override
  public <T> T readBehind(Function<IndexView, T> query) throws IOException {
    return feed.readBehind(query);
  }

  @Override
  public void backUpWhereLast(Duration interval, Instant now) throws IOException {
    Backups.makeWhereLast(place, interval, now);
  }

  @Override
  public Optional<String> fault() {
    return reserve.fault().or(() -> fault).or(feed::fault);
  }

  @Override
  public void close() {
    closing = true;
    bell.release();
    try {
      if (tidying.isPresent()) {
        tidying.get().join();
      }
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a thread here", e);
    }
    feed.close();
    journal.close();
    lock.close();
  }
}
