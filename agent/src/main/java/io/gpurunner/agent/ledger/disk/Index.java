package io.gpurunner.agent.ledger.disk;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
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
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What answers queries: sorted maps of H2, in a file that holds nothing of its own. Groups are
 * applied to it in order, after they were recorded. Its last changes are only in memory, so its
 * file is whole only after it was closed. While it is open there is a mark beside the file, and a
 * file that has the mark is not used: the index is built again. Changes are for one thread at a
 * time; reading is thread-safe.
 */
final class Index implements AutoCloseable {
  private static final String FORM = "2";
  private static final String NAME = "index";
  private static final String FILE = NAME + ".mv";
  private static final String MARK = "index-open";

  /** So much of what was read of the file, or written to it, is kept in memory. */
  private static final int CACHE_MEGABYTES = 16;

  /** Changes are written to the file when they take so much memory. */
  private static final int UNSAVED_BYTES = 8 << 20;

  /** While an index is built, so many keys are sorted in memory and then added in order. */
  private static final int SORTED_KEYS = 300_000;

  /** Where less of the file is in use, what is in use is moved, so that room becomes free. */
  private static final int FILL_PERCENT = 50;

  /** So much is moved at a time. */
  private static final int REWRITTEN_BYTES = 4 << 20;

  private static final Logger log = LoggerFactory.getLogger(Index.class);

  private final LedgerPlace place;
  private final MVStore store;
  private final ReadWriteLock lock = new ReentrantReadWriteLock();
  private final MVMap<Long, byte[]> jobs;
  private final MVMap<String, Long> keys;

  /** The form of the index, the name of its ledger, and the number of the last applied group. */
  private final MVMap<String, String> about;

  private final IndexView view;
  private volatile long applied;

  /** Some changes of a group are in it, and others perhaps not. */
  private volatile boolean isChanging;

  private Index(LedgerPlace place, MVStore store) {
    this.place = place;
    this.store = store;
    this.jobs = map("jobs", LongDataType.INSTANCE, ByteArrayDataType.INSTANCE);
    this.keys = map("keys", StringDataType.INSTANCE, LongDataType.INSTANCE);
    this.about = map("about", StringDataType.INSTANCE, StringDataType.INSTANCE);
    this.view = new IndexView(jobs, keys);
  }

  private static Index onFile(LedgerPlace place) {
    MVStore store =
        new MVStore.Builder()
            .fileName(place.file(FILE).toString())
            .autoCommitDisabled() // no thread of its own
            .autoCommitBufferSize(0) // no write in the middle of a change, while queries wait
            .compress()
            .cacheSize(CACHE_MEGABYTES)
            .open();
    try {
      return new Index(place, store);
    } catch (RuntimeException e) { // H2 throws any of a damaged file
      store.closeImmediately();
      throw e;
    }
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
    return attempt("it cannot be opened", () -> opened(onFile(place), ledger));
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
    // One that is there stays: without it, a file that is not whole would count as closed.
    if (!place.file(MARK).exists()) {
      place.create(place.file(MARK)).close();
    }
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
    Index index = onFile(place);
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
            writeWhereLarge();
            IndexKeys.of(Snapshot.job(frame)).forEach(key -> sorted.put(key, frame.number()));
            if (sorted.size() >= SORTED_KEYS) {
              addKeys(sorted);
            }
          });
    }
    addKeys(sorted);
  }

  private void addKeys(SortedMap<String, Long> sorted) {
    for (Map.Entry<String, Long> one : sorted.entrySet()) {
      keys.put(one.getKey(), one.getValue());
      writeWhereLarge();
    }
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
          isChanging = true;
          for (Change change : changes) {
            apply(change);
            writeWhereLarge();
          }
          setApplied(number);
          isChanging = false;
          return number;
        });
  }

  /** Writes changes to the file where they take much memory. Queries do not wait for that. */
  private void writeWhereLarge() {
    if (store.getUnsavedMemory() > UNSAVED_BYTES) {
      store.commit();
    }
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

  /** Writes a job, which may be there. */
  private void write(JobRecord record) {
    long sequence = record.job().sequence();
    byte[] before = jobs.put(sequence, Frame.bytes(sequence, JobCodec.write(record)).array());
    List<String> newKeys = IndexKeys.of(record);
    List<String> oldKeys =
        before == null ? List.of() : IndexKeys.of(IndexView.record(sequence, before));
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

  /** Moves a part of what is in use where that is little; later changes use the room it had. */
  void tidy() throws IOException {
    attempt(
        "the index cannot be written",
        () -> store.compact(FILL_PERCENT, REWRITTEN_BYTES) ? store.commit() : 0);
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
    Throwable root = LedgerPlace.rootOf(e);
    return Objects.toString(root.getMessage(), root.toString()).lines().findFirst().orElse("");
  }

  /** Closes it so that it can be opened again; returns once it is on disk. */
  void closeWell() throws IOException {
    if (isChanging) {
      close();
      throw new IOException("a change of the index was not done");
    }
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
    try {
      store.closeImmediately();
    } catch (RuntimeException e) { // its file may be gone, or its disk
      log.warn("the ledger's index could not be closed: {}", e.getMessage());
    }
  }
}
