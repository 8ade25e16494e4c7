package io.gpurunner.agent.ledger.disk;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Function;
import org.h2.mvstore.MVMap;
import org.h2.mvstore.MVStore;
import org.h2.mvstore.type.ByteArrayDataType;
import org.h2.mvstore.type.DataType;
import org.h2.mvstore.type.LongDataType;
import org.h2.mvstore.type.StringDataType;

/**
 * What answers queries: sorted maps of H2, in a file that holds nothing of its own. Groups are
 * applied to it in order, after they were recorded. It is mostly in memory, and its file is only
 * whole after it was closed. While it is open there is a mark beside it, and a file that has the
 * mark is not used: the index is built again. Changes are for one thread at a time; reading is
 * thread-safe.
 */
final class Index implements AutoCloseable {
  private static final String FORM = "1";
  private static final String NAME = "index";
  private static final String FILE = NAME + ".mv";
  private static final String MARK = "index-open";

  /** What is read of the file is kept in memory up to this. */
  private static final int CACHE_MEGABYTES = 16;

  /** Changes are written to the file when they take so much memory. */
  private static final int UNSAVED_KILOBYTES = 8 << 10;

  /** So many keys are sorted in memory while an index is built: others would come at random. */
  private static final int SORTED_KEYS = 300_000;

  /** Where less of the file is in use, some of it is written again and the rest is free. */
  private static final int FILL_PERCENT = 50;

  private static final int REWRITTEN_BYTES = 4 << 20;

  private final LedgerPlace place;
  private final MVStore store;
  private final ReadWriteLock lock = new ReentrantReadWriteLock();
  private final MVMap<Long, byte[]> jobs;
  private final MVMap<String, Long> keys;

  /** Whose index it is, and up to which group. */
  private final MVMap<String, String> about;

  private final IndexView view;
  private volatile long applied;

  private Index(LedgerPlace place) throws IOException {
    this.place = place;
    this.store =
        new MVStore.Builder()
            .fileName(place.file(FILE).toString())
            .autoCommitDisabled() // no thread of its own: changes are written by who makes them
            .compress()
            .autoCommitBufferSize(UNSAVED_KILOBYTES)
            .cacheSize(CACHE_MEGABYTES)
            .open();
    this.jobs = map("jobs", LongDataType.INSTANCE, ByteArrayDataType.INSTANCE);
    this.keys = map("keys", StringDataType.INSTANCE, LongDataType.INSTANCE);
    this.about = map("about", StringDataType.INSTANCE, StringDataType.INSTANCE);
    this.view = new IndexView(jobs, keys);
  }

  private <K, V> MVMap<K, V> map(String name, DataType<K> key, DataType<V> value) {
    return store.openMap(name, new MVMap.Builder<K, V>().keyType(key).valueType(value));
  }

  /**
   * Opens an index that is there.
   *
   * @param ledger the name of the ledger that it must be of
   * @throws IOException where there is none that can be used, with the reason
   */
  static Index open(LedgerPlace place, String ledger) throws IOException {
    if (!place.file(FILE).exists()) {
      throw new IOException("there is none");
    }
    if (place.file(MARK).exists()) {
      throw new IOException("it was not closed");
    }
    mark(place);
    return attempt("it cannot be opened", () -> opened(new Index(place), ledger));
  }

  private static Index opened(Index index, String ledger) throws IOException {
    try {
      index.requireOf(ledger);
      return index;
    } catch (IOException | RuntimeException e) {
      index.close();
      throw e;
    }
  }

  private void requireOf(String ledger) throws IOException {
    String form = String.valueOf(about.get("form"));
    if (!form.equals(FORM)) {
      throw new IOException("it has form " + form + ", and this version's is " + FORM);
    }
    if (!ledger.equals(about.get("ledger"))) {
      throw new IOException("it is of another ledger");
    }
    applied = Long.parseLong(about.get("number"));
  }

  private static void mark(LedgerPlace place) throws IOException {
    place.create(place.file(MARK)).close();
    place.syncNames();
  }

  /**
   * Builds an index of the newest snapshot that is whole. An index that was there goes.
   *
   * @param upTo the number of the last group that it may hold
   * @return the index, which lacks the groups since the snapshot
   */
  static Index build(LedgerPlace place, String ledger, long upTo) throws IOException {
    mark(place);
    AtomicReference<Index> built = new AtomicReference<>();
    Snapshots.readNewestWhole(
        place,
        upTo,
        snapshot ->
            built.set(attempt("the index cannot be built", () -> build(place, ledger, snapshot))));
    return built.get();
  }

  private static Index build(LedgerPlace place, String ledger, Snapshot snapshot)
      throws IOException {
    place.deleteAll(NAME + ".", "");
    Index index = new Index(place);
    try {
      index.add(snapshot);
      index.about.put("form", FORM);
      index.about.put("ledger", ledger);
      index.setApplied(snapshot.header().number());
      return index;
    } catch (IOException | RuntimeException e) {
      index.close();
      throw e;
    }
  }

  private void add(Snapshot snapshot) throws IOException {
    SortedMap<String, Long> sorted = new TreeMap<>();
    for (Snapshot.Part part : Snapshot.Part.values()) {
      snapshot.read(
          part,
          frame -> {
            jobs.put(frame.number(), Frame.bytes(frame.number(), frame.content()).array());
            IndexKeys.of(Snapshot.job(frame)).forEach(key -> sorted.put(key, frame.number()));
            if (sorted.size() >= SORTED_KEYS) {
              addKeys(sorted);
            }
          });
    }
    addKeys(sorted);
  }

  private void addKeys(SortedMap<String, Long> sorted) {
    sorted.forEach(keys::put);
    sorted.clear();
  }

  /** The number of the last group that was applied. */
  long applied() {
    return applied;
  }

  private void setApplied(long number) {
    about.put("number", String.valueOf(number));
    applied = number;
  }

  /**
   * Applies the changes of the groups after the last one that was applied.
   *
   * @param number the number of the last of them
   * @throws IOException if that failed; then some may have been applied, and this must be closed
   */
  void apply(Collection<Change> changes, long number) throws IOException {
    attempt(
        "the index cannot be written",
        () -> {
          changes.forEach(this::apply);
          setApplied(number);
          return number;
        });
  }

  private void apply(Change change) {
    lock.writeLock().lock();
    try {
      change
          .record()
          .ifPresentOrElse(this::write, () -> view.find(change.id()).ifPresent(this::forget));
    } finally {
      lock.writeLock().unlock();
    }
  }

  /** Writes a job, which may be there. Changes come without the request's body: that stays. */
  private void write(JobRecord record) {
    long sequence = record.job().sequence();
    Optional<JobRecord> before =
        Optional.ofNullable(jobs.get(sequence)).map(bytes -> IndexView.record(sequence, bytes));
    JobRecord next = before.map(old -> record.withSource(old.source())).orElse(record);
    jobs.put(sequence, Frame.bytes(sequence, JobCodec.write(next)).array());
    List<String> newKeys = IndexKeys.of(next);
    List<String> oldKeys = before.map(IndexKeys::of).orElse(List.of());
    oldKeys.stream()
        .filter(key -> !newKeys.contains(key))
        .forEach(key -> keys.remove(key, sequence));
    newKeys.stream().filter(key -> !oldKeys.contains(key)).forEach(key -> keys.put(key, sequence));
  }

  private void forget(JobRecord record) {
    long sequence = record.job().sequence();
    IndexKeys.of(record).forEach(key -> keys.remove(key, sequence));
    jobs.remove(sequence);
  }

  /** Makes the file shorter where little of it is in use. */
  void tidy() throws IOException {
    attempt("the index cannot be written", () -> store.compact(FILL_PERCENT, REWRITTEN_BYTES));
  }

  /** Asks a query of what was applied. */
  <T> T read(Function<IndexView, T> query) {
    lock.readLock().lock();
    try {
      return query.apply(view);
    } finally {
      lock.readLock().unlock();
    }
  }

  private interface Use<T> {
    T of() throws IOException;
  }

  /** H2 throws any exception where a file is damaged or its disk fails. */
  private static <T> T attempt(String what, Use<T> use) throws IOException {
    try {
      return use.of();
    } catch (RuntimeException e) {
      throw new IOException(what + ": " + firstLine(e), e);
    }
  }

  private static String firstLine(Throwable e) {
    Throwable root = e;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return Objects.toString(root.getMessage(), root.toString()).lines().findFirst().orElse("");
  }

  /** Closes it so that it can be opened again; returns once it is on disk. */
  void closeWell() throws IOException {
    attempt(
        "the index cannot be written",
        () -> {
          store.close();
          return applied;
        });
    if (store.getPanicException() != null) {
      throw new IOException("the index was closed after a fault", store.getPanicException());
    }
    try (FileChannel file = place.file(FILE).open("rw")) {
      file.force(true);
    }
    place.delete(place.file(MARK));
  }

  /** Closes it after a fault, perhaps once more. Nothing is lost with it. */
  @Override
  public void close() {
    store.closeImmediately();
  }
}
