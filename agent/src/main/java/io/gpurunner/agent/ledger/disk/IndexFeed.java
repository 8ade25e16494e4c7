package io.gpurunner.agent.ledger.disk;

import io.gpurunner.api.JobId;
import java.io.IOException;
import java.time.Duration;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Applies recorded groups to the index, behind the answers, on a thread of its own. A query waits
 * until the index has all that was recorded before the query came. An index that fails is built
 * again. Thread-safe.
 */
final class IndexFeed implements AutoCloseable {
  /** Jobs that may wait for the index. Past that, recording waits too. */
  private static final int WAITING_LIMIT = 20_000;

  private static final Duration QUERY_LIMIT = Duration.ofSeconds(30);

  /** How long a query waits for an index that is being opened or built. */
  private static final Duration OPEN_LIMIT = Duration.ofSeconds(10);

  /**
   * How long the index stays closed after a start if nobody asks it: to build it would take the
   * time of the first answers.
   */
  private static final Duration OPEN_DELAY = Duration.ofSeconds(3);

  /** The index is tidied when nothing was to be applied for so long. */
  private static final Duration IDLE_TIME = Duration.ofSeconds(1);

  private static final Duration CLOSE_LIMIT = Duration.ofSeconds(30);
  private static final Duration FAULT_PAUSE = Duration.ofSeconds(10);

  private static final Logger log = LoggerFactory.getLogger(IndexFeed.class);

  private final IndexOpener opener;
  private final Reserve reserve;
  private final Consumer<Collection<Change>> listener;
  private Optional<Thread> thread = Optional.empty();

  /** Guarded by this, as what follows. */
  private Map<JobId, Change> waiting = new LinkedHashMap<>();

  /** What is being applied. */
  private Map<JobId, Change> taken = Map.of();

  private long recorded;
  private boolean closing;

  /** Somebody waits for the index, or has. */
  private boolean asked;

  private volatile Optional<String> fault = Optional.empty();

  /** When it is tried again after a fault, in {@link System#nanoTime}. */
  private long retryAt;

  /** How often something was applied, or was tried to be. */
  private long steps;

  /** A query met damage. */
  private boolean damaged;

  /** Empty while it cannot be used. Written by the thread that applies. */
  private volatile Optional<Index> index = Optional.empty();

  /**
   * The feed of a ledger's index, which is opened, or built, at the first step.
   *
   * @param recorded the number of the newest group
   * @param reserve is given up where the disk has no room for the index
   * @param listener hears which changes are in the index
   */
  IndexFeed(
      LedgerPlace place,
      String ledger,
      long recorded,
      Reserve reserve,
      Consumer<Collection<Change>> listener) {
    this.opener = new IndexOpener(place, ledger, reserve);
    this.reserve = reserve;
    this.recorded = recorded;
    this.listener = listener;
  }

  /** Applies groups on a thread of its own, until it is closed. */
  void start() {
    thread = Optional.of(Thread.ofPlatform().name("ledger-index").daemon(true).start(this::loop));
  }

  /** Adds the changes of a group that was recorded. */
  synchronized void offer(Collection<Change> changes, long number) {
    while (waiting.size() >= WAITING_LIMIT && fault.isEmpty() && !closing) {
      waitFor(QUERY_LIMIT.toMillis());
    }
    changes.forEach(change -> waiting.put(change.id(), change));
    recorded = number;
    notifyAll();
  }

  private void loop() {
    awaitUse();
    while (awaitWork()) {
      try {
        step();
        if (isIdle()) {
          tidy();
        }
      } catch (Error e) { // H2 recurses where a file is damaged; this thread must go on
        giveUp(e);
      }
    }
  }

  private synchronized void awaitUse() {
    long end = System.nanoTime() + OPEN_DELAY.toNanos();
    while (!asked && waiting.size() < WAITING_LIMIT && !closing && System.nanoTime() < end) {
      waitFor(OPEN_DELAY.toMillis());
    }
  }

  /** Whether nothing comes for a while. */
  private synchronized boolean isIdle() {
    long end = System.nanoTime() + IDLE_TIME.toNanos();
    while (isUpToDate() && fault.isEmpty() && !closing && System.nanoTime() < end) {
      waitFor(IDLE_TIME.toMillis());
    }
    return isUpToDate() && fault.isEmpty() && !closing;
  }

  private synchronized boolean awaitWork() {
    for (long left = untilRetry(); left > 0; left = untilRetry()) {
      waitFor(left);
    }
    while (isUpToDate() && fault.isEmpty() && !closing) {
      waitFor(QUERY_LIMIT.toMillis());
    }
    return !closing || (!isUpToDate() && fault.isEmpty());
  }

  /** Milliseconds; 0 where nothing is to be waited for. */
  private long untilRetry() {
    return fault.isPresent() && !closing
        ? TimeUnit.NANOSECONDS.toMillis(retryAt - System.nanoTime())
        : 0;
  }

  /** After a fault, tries at once instead of after the pause, and waits for the outcome. */
  void retry() {
    if (thread.isPresent()) {
      awaitRetry();
    } else {
      step();
    }
  }

  private synchronized void awaitRetry() {
    long before = steps;
    long end = System.nanoTime() + QUERY_LIMIT.toNanos();
    retryAt = System.nanoTime();
    notifyAll();
    while (fault.isPresent() && steps == before && !closing && System.nanoTime() < end) {
      waitFor(QUERY_LIMIT.toMillis());
    }
  }

  private boolean isUpToDate() {
    return index.map(Index::applied).filter(number -> number == recorded).isPresent();
  }

  @SuppressWarnings("WaitNotInLoop") // all callers loop
  private void waitFor(long millis) {
    try {
      wait(millis);
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a thread here", e);
    }
  }

  /** Applies what waits. */
  void step() {
    long number;
    synchronized (this) {
      taken = waiting;
      number = recorded;
      waiting = new LinkedHashMap<>();
      notifyAll();
    }
    try {
      closeWhereDamaged();
      if (index.isEmpty()) {
        reopen(number);
      } else {
        index.get().apply(taken.values(), number);
      }
      listener.accept(taken.values());
      synchronized (this) {
        taken = Map.of();
        steps++;
        notifyAll();
      }
    } catch (IOException | RuntimeException e) {
      giveUp(e);
    }
  }

  private void tidy() {
    try {
      index.orElseThrow().tidy();
    } catch (IOException e) {
      giveUp(e);
    }
  }

  private synchronized void giveUp(Throwable e) {
    reserve.giveUpWhereFull();
    index.ifPresent(Index::close);
    index = Optional.empty();
    fault = Optional.of(String.valueOf(e.getMessage()));
    taken.forEach(waiting::putIfAbsent);
    taken = Map.of();
    retryAt = System.nanoTime() + FAULT_PAUSE.toNanos();
    steps++;
    notifyAll();
    log.error("the ledger's index failed, it is built again: {}", e.getMessage());
  }

  private synchronized void closeWhereDamaged() {
    if (damaged) {
      index.ifPresent(Index::close);
      index = Optional.empty();
    }
  }

  private void reopen(long upTo) throws IOException {
    Index opened = opener.open(upTo);
    synchronized (this) {
      index = Optional.of(opened);
      damaged = false;
      fault = Optional.empty();
    }
  }

  /** Why the index cannot be asked; empty where it can. Never blocks, even if the disk hangs. */
  Optional<String> fault() {
    return fault;
  }

  /**
   * Asks a query that sees all that was recorded before.
   *
   * @throws IOException where the index cannot be used
   */
  <T> T read(Function<IndexView, T> query) throws IOException {
    awaitApplied();
    return readBehind(query);
  }

  /** Asks a query of what was applied so far. */
  <T> T readBehind(Function<IndexView, T> query) throws IOException {
    Index asked = index.orElseThrow(() -> unusable(fault().orElse("it is not open")));
    try {
      return asked.read(query);
    } catch (RuntimeException e) { // H2 throws any of a damaged file
      throw failed(asked, e);
    }
  }

  private IOException failed(Index asked, RuntimeException e) {
    synchronized (this) {
      if (index.filter(now -> now == asked).isPresent() && !damaged) {
        damaged = true;
        retryAt = System.nanoTime();
        fault = Optional.of(String.valueOf(e.getMessage()));
        notifyAll();
      }
    }
    return new IOException("the ledger's index cannot be read: " + e.getMessage(), e);
  }

  /** Waits until the index is open, for as long as a query would. */
  void awaitOpen() {
    if (index.isPresent()) {
      return;
    }
    try {
      awaitApplied();
    } catch (IOException e) {
      log.debug("nobody knows yet what ended jobs there are: {}", e.getMessage());
    }
  }

  /** Waits until all is applied. If no thread was started, this applies it. */
  private void awaitApplied() throws IOException {
    if (thread.isEmpty()) {
      step();
    }
    awaitRecorded();
  }

  private synchronized void awaitRecorded() throws IOException {
    long wanted = recorded;
    asked = true;
    notifyAll();
    Duration limit = index.isPresent() ? QUERY_LIMIT : OPEN_LIMIT;
    long end = System.nanoTime() + limit.toNanos();
    while (index.map(Index::applied).orElse(-1L) < wanted) {
      long left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
      if (fault.isPresent() || closing || left <= 0) {
        throw unusable(fault.orElse(index.isPresent() ? "it is behind" : "it is being built"));
      }
      waitFor(Math.max(1, left));
    }
  }

  private static IOException unusable(String why) {
    return new IOException("the ledger's index cannot be asked now: " + why);
  }

  /** Closes the index; its thread, if there is one, first applies what waits. */
  @Override
  public void close() {
    synchronized (this) {
      closing = true;
      notifyAll();
    }
    try {
      if (thread.isPresent()) {
        thread.get().join(CLOSE_LIMIT);
      }
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a thread here", e);
    }
    closeIndex();
  }

  private void closeIndex() {
    if (thread.filter(Thread::isAlive).isPresent()) {
      log.warn("the disk does not answer, so the ledger's index is left open");
      return;
    }
    try {
      if (index.isPresent()) {
        index.get().closeWell();
      }
    } catch (IOException e) {
      log.warn("the ledger's index was closed after a fault: {}", e.getMessage());
    }
  }
}
