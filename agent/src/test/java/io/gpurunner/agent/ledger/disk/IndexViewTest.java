package io.gpurunner.agent.ledger.disk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Listed;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.JobId;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.AbstractList;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.h2.mvstore.MVMap;
import org.h2.mvstore.MVStore;
import org.h2.mvstore.type.StringDataType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Asks the index and a plain map the same questions, again and again while jobs change. */
class IndexViewTest {
  private static final int ROUNDS = 200;
  private static final int JOBS_IN_A_ROUND = 20;

  /** Some names and keys look like the beginning of others. */
  private static final List<String> OWNERS = List.of("a", "a1", "1:a", "", "ann\0", "ann", "蓝");

  private static final List<String> KEYS = List.of("k", "k1", "1k", "\uffff");

  /** Times are few, so that many jobs end at the same one. */
  private static final List<Instant> TIMES =
      List.of(Instant.ofEpochMilli(-1), Instant.EPOCH, Instant.ofEpochMilli(5_000));

  private static final Comparator<JobRecord> BY_END =
      Comparator.comparing(IndexViewTest::endOf)
          .thenComparingLong(record -> record.job().sequence());

  @TempDir Path directory;

  private final Random random = new Random(1);
  private final Map<Long, JobRecord> known = new TreeMap<>();
  private long newest;

  @Test
  void answersAreThoseOfAPlainMapAlsoOnceItWasClosedAndBuilt() throws IOException {
    LedgerPlace place = newLedger();
    Index index = Index.build(place, "name", 0);
    for (int round = 1; round <= ROUNDS; round++) {
      index.apply(changes(), round);
      if (round % 10 == 0) {
        index.tidy();
        index.closeWell();
        index = Index.open(place, "name");
      }
      assertThat(index.applied()).isEqualTo(round);
      index.read(this::compared);
    }
    index.close();
    assertThatThrownBy(() -> Index.open(place, "name")).hasMessage("it was not closed");
    writeSnapshot(place);
    try (Index built = Index.build(place, "name", ROUNDS)) {
      assertThat(built.applied()).isEqualTo(ROUNDS);
      built.read(this::compared);
    }
  }

  private LedgerPlace newLedger() throws IOException {
    LedgerPlace place = LedgerPlace.onDisk(directory.resolve("ledger"));
    place.make();
    Snapshots.makeFirst(place, "name");
    return place;
  }

  /** The expected answers use nothing of how the index is kept. */
  private boolean compared(IndexView view) {
    List<JobRecord> all = List.copyOf(known.values());
    assertThat(view.count(Optional.empty())).isEqualTo(all.size());
    pagesAre(view, Optional.empty(), all);
    for (String owner : OWNERS) {
      List<JobRecord> own =
          all.stream().filter(record -> record.job().user().equals(owner)).toList();
      assertThat(view.count(Optional.of(owner))).isEqualTo(own.size());
      pagesAre(view, Optional.of(owner), own);
      for (String key : KEYS) {
        assertThat(view.findKey(owner, key).stream().toList())
            .isEqualTo(own.stream().filter(record -> hasKey(record, key)).toList());
      }
    }
    all.forEach(record -> assertThat(view.find(record.job().id())).contains(record));
    List<Optional<String>> prefixes =
        Stream.concat(
                all.stream().limit(3).map(record -> record.job().id().value()),
                Stream.of("ai0", "ai1", "aif", "ai-"))
            .map(Optional::of)
            .toList();
    for (String owner : OWNERS) {
      for (Optional<String> prefix : prefixes) {
        listsAre(view, new Selection(Optional.of(owner), random.nextBoolean(), prefix), all);
      }
      listsAre(view, new Selection(Optional.of(owner), true, Optional.empty()), all);
    }
    for (Optional<String> prefix : prefixes) {
      listsAre(view, new Selection(Optional.empty(), random.nextBoolean(), prefix), all);
    }
    listsAre(view, new Selection(Optional.empty(), true, Optional.empty()), all);
    assertThat(view.find(JobId.random())).isEmpty();
    for (Instant before : TIMES) {
      sweepableAre(view, before);
      List<JobRecord> old = ended(JobFiles.SWEPT, before, record -> !record.isOwed());
      List<JobRecord> any = ended(JobFiles.SWEPT, Instant.MAX, record -> !record.isOwed());
      assertThat(view.forgettable(before, Long.MAX_VALUE, 3)).isEqualTo(ids(old, 3));
      long kept = all.size() - 4L;
      assertThat(view.forgettable(before, kept, 7))
          .isEqualTo(old.size() < 4 ? ids(any, 4) : ids(old, 7));
    }
    return true;
  }

  private void listsAre(IndexView view, Selection which, List<JobRecord> oldestFirst) {
    List<Job> expected =
        oldestFirst.reversed().stream()
            .filter(record -> !(which.endedOnly() && record.isLive()))
            .map(JobRecord::job)
            .filter(job -> which.owner().filter(name -> !name.equals(job.user())).isEmpty())
            .filter(
                job -> which.idPrefix().filter(id -> !job.id().value().startsWith(id)).isEmpty())
            .toList();
    int size = 1 + random.nextInt(7);
    for (int page = 1; page <= expected.size() / size + 2; page++) {
      int from = Math.min(expected.size(), (page - 1) * size);
      int to = Math.min(expected.size(), page * size);
      assertThat(view.list(which, page, size, job -> job))
          .isEqualTo(new Listed<>(expected.subList(from, to), expected.size()));
    }
  }

  private void pagesAre(IndexView view, Optional<String> owner, List<JobRecord> oldestFirst) {
    List<Job> expected = oldestFirst.reversed().stream().map(JobRecord::job).toList();
    int size = 1 + random.nextInt(7);
    for (int page = 1; page <= expected.size() / size + 2; page++) {
      int from = Math.min(expected.size(), (page - 1) * size);
      int to = Math.min(expected.size(), page * size);
      assertThat(view.page(owner, page, size, job -> job)).isEqualTo(expected.subList(from, to));
    }
  }

  /** Page by page, as retention asks. */
  private void sweepableAre(IndexView view, Instant before) {
    List<Job> asked = new ArrayList<>();
    Optional<Job> after = Optional.empty();
    List<Job> page;
    do {
      page = view.sweepable(before, after, 2);
      asked.addAll(page);
      after = page.stream().reduce((_, last) -> last);
    } while (!page.isEmpty());
    assertThat(asked)
        .isEqualTo(
            Stream.of(JobFiles.SWEEPING, JobFiles.KEPT)
                .flatMap(files -> ended(files, before, _ -> true).stream())
                .map(JobRecord::job)
                .toList());
  }

  private List<JobRecord> ended(JobFiles files, Instant before, Predicate<JobRecord> which) {
    return known.values().stream()
        .filter(record -> !record.isLive() && record.job().files() == files)
        .filter(record -> endOf(record).isBefore(before))
        .filter(which)
        .sorted(BY_END)
        .toList();
  }

  private static List<JobId> ids(List<JobRecord> records, int limit) {
    return records.stream().limit(limit).map(record -> record.job().id()).toList();
  }

  private static Instant endOf(JobRecord record) {
    return ((JobState.Final) record.job().state()).finishedAt();
  }

  private static boolean hasKey(JobRecord record, String key) {
    return record.key().filter(own -> own.key().equals(key)).isPresent();
  }

  /** New jobs, changes of others, and some that are forgotten. */
  private Collection<Change> changes() {
    Map<JobId, Change> changes = new HashMap<>();
    for (int i = 0; i < JOBS_IN_A_ROUND; i++) {
      Optional<JobRecord> old =
          known.values().stream().skip(random.nextInt(known.size() + 1)).findFirst();
      JobRecord next = old.map(this::changed).orElseGet(this::created);
      JobId id = next.job().id();
      if (random.nextInt(4) == 0) {
        known.remove(next.job().sequence());
        changes.put(id, new Change(id, Optional.empty()));
      } else {
        known.put(next.job().sequence(), next);
        changes.put(id, new Change(id, Optional.of(next)));
      }
    }
    return changes.values();
  }

  private JobRecord created() {
    newest++;
    String owner = oneOf(OWNERS);
    String key = oneOf(KEYS);
    boolean used =
        known.values().stream()
            .anyMatch(other -> other.job().user().equals(owner) && hasKey(other, key));
    Job job = Job.created(JobId.random(), owner, newest, TIMES.get(2), Requests.simple().build());
    return new JobRecord(
        job,
        used ? Optional.empty() : Optional.of(new Entry.Key(key, "digest")),
        List.of(),
        Optional.empty());
  }

  private JobRecord changed(JobRecord before) {
    Job job = before.job();
    Job next =
        new Job(
            job.id(),
            job.user(),
            job.sequence(),
            job.version() + 1,
            job.createdAt(),
            job.request(),
            random.nextInt(4) == 0
                ? new JobState.Queued(1)
                : new JobState.Deleted(oneOf(TIMES), Optional.empty(), "ann"),
            Optional.empty(),
            Optional.empty(),
            oneOf(List.of(JobFiles.values())),
            List.of());
    CallbackRecord callback =
        new CallbackRecord(
            "delivery",
            true,
            oneOf(List.of(CallbackRecord.Status.values())),
            1,
            Optional.empty(),
            TIMES.get(2));
    return new JobRecord(next, before.key(), List.of(), Optional.of(callback));
  }

  private <T> T oneOf(List<T> values) {
    return values.get(random.nextInt(values.size()));
  }

  private void writeSnapshot(LedgerPlace place) throws IOException {
    Snapshot.Header header = new Snapshot.Header(Journal.FORM, "name", ROUNDS);
    try (Snapshot.Writer writer =
        new Snapshot.Writer(place.create(Snapshots.file(place, ROUNDS)), header, newest)) {
      for (Snapshot.Part part : Snapshot.Part.values()) {
        for (JobRecord record : known.values()) {
          if (Snapshot.Part.of(record) == part) {
            writer.write(record);
          }
        }
      }
      writer.end();
    }
  }

  /** An index of form 1 lacks the keys of live jobs. */
  @Test
  void anIndexOfAnOlderFormIsBuiltAgain() throws IOException {
    LedgerPlace place = newLedger();
    Index.build(place, "name", 0).closeWell();
    StringDataType texts = StringDataType.INSTANCE;
    try (MVStore file = new MVStore.Builder().fileName(place.file("index.mv").toString()).open()) {
      file.openMap("about", new MVMap.Builder<String, String>().keyType(texts).valueType(texts))
          .put("form", "1");
    }
    assertThatThrownBy(() -> Index.open(place, "name"))
        .hasMessage("it has form 1, and this version's is 2");
    try (Index opened = new IndexOpener(place, "name", new Reserve(place, 1 << 20)).open(0)) {
      assertThat(opened.applied()).isZero();
    }
  }

  @Test
  void anIndexWithHalfAGroupIsNotClosedAsAWholeOne() throws IOException {
    LedgerPlace place = newLedger();
    Index index = Index.build(place, "name", 0);
    Collection<Change> broken =
        new AbstractList<>() {
          @Override
          public Change get(int at) {
            if (at == 1) {
              throw new IllegalStateException("broken");
            }
            JobRecord record = created();
            return new Change(record.job().id(), Optional.of(record));
          }

          @Override
          public int size() {
            return 2;
          }
        };
    assertThatThrownBy(() -> index.apply(broken, 1)).hasMessageContaining("broken");
    assertThatThrownBy(index::closeWell).hasMessageContaining("not done");
    assertThatThrownBy(() -> Index.open(place, "name")).hasMessage("it was not closed");
  }

  @Test
  void theMarkOfAnOpenIndexStaysWhileItIsBuiltAgain() throws IOException {
    LedgerPlace place = newLedger();
    Index.build(place, "name", 0).close();
    Path mark = directory.resolve("ledger/index-open");
    Object file = Files.getAttribute(mark, "unix:ino");
    Index.build(place, "name", 0).close();
    assertThat(Files.getAttribute(mark, "unix:ino")).isEqualTo(file);
  }

  @Test
  void aJobThatIsDamagedIsNotAnswered() {
    JobRecord job = created();
    byte[] bytes = Frame.bytes(job.job().sequence(), JobCodec.write(job)).array();
    try (MVStore memory = new MVStore.Builder().open()) {
      MVMap<Long, byte[]> jobs = memory.openMap("jobs");
      MVMap<String, Long> keys = memory.openMap("keys");
      IndexView view = new IndexView(jobs, keys);
      keys.put(IndexKeys.ofId(job.job().id()), job.job().sequence());
      for (int bit = 0; bit < 8 * bytes.length; bit++) {
        byte[] flipped = bytes.clone();
        flipped[bit / 8] ^= (byte) (1 << bit % 8);
        jobs.put(job.job().sequence(), flipped);
        assertThatThrownBy(() -> view.find(job.job().id()))
            .isInstanceOf(UncheckedIOException.class)
            .hasMessageContaining("the index holds a damaged job");
      }
      JobRecord other = created();
      long sequence = job.job().sequence();
      jobs.put(sequence, Frame.bytes(sequence, JobCodec.write(other)).array());
      assertThatThrownBy(() -> view.find(job.job().id())).hasMessageContaining("another job");
      jobs.clear();
      assertThatThrownBy(() -> view.find(job.job().id())).hasMessageContaining("lacks job");
    }
  }
}
