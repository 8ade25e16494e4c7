package io.gpurunner.agent.ledger.disk;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.job.Listed;
import io.gpurunner.api.JobId;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;
import org.h2.mvstore.Cursor;
import org.h2.mvstore.MVMap;

/**
 * The queries of the index. Each reads about as many entries as it returns, however many jobs there
 * are. They throw {@link UncheckedIOException} where what is read is damaged.
 */
public final class IndexView {
  private static final Instant FIRST = Instant.ofEpochMilli(Long.MIN_VALUE);
  private static final Instant LAST = Instant.ofEpochMilli(Long.MAX_VALUE);

  private final MVMap<Long, byte[]> jobs;
  private final MVMap<String, Long> keys;
  private final IndexLists lists;

  /**
   * @param jobs each job's record, as a frame, by its sequence
   * @param keys the sequences of jobs by their keys; see {@link IndexKeys}
   */
  IndexView(MVMap<Long, byte[]> jobs, MVMap<String, Long> keys) {
    this.jobs = jobs;
    this.keys = keys;
    this.lists = new IndexLists(jobs, keys);
  }

  /** All that is kept of a job. */
  public Optional<JobRecord> find(JobId id) {
    return at(IndexKeys.ofId(id));
  }

  /** The job that a user's key stands for. */
  public Optional<JobRecord> findKey(String owner, String key) {
    return at(IndexKeys.ofKey(owner, key));
  }

  private Optional<JobRecord> at(String key) {
    Optional<JobRecord> found = Optional.ofNullable(keys.get(key)).map(this::record);
    if (found.filter(record -> !IndexKeys.of(record).contains(key)).isPresent()) {
      throw damaged("has another job at " + key);
    }
    return found;
  }

  private JobRecord record(long sequence) {
    byte[] bytes = jobs.get(sequence);
    if (bytes == null) {
      throw damaged("lacks job " + sequence);
    }
    return record(sequence, bytes);
  }

  /** The job in the bytes of a frame. */
  static JobRecord record(long sequence, byte[] bytes) {
    try {
      Optional<Frame> frame =
          Frame.at(ByteBuffer.wrap(bytes), 0).filter(whole -> whole.number() == sequence);
      return Snapshot.job(frame.orElseThrow(() -> damaged("holds a damaged job " + sequence)));
    } catch (IOException e) {
      throw damaged("holds " + e.getMessage());
    }
  }

  private static UncheckedIOException damaged(String what) {
    return new UncheckedIOException(new IOException("the index " + what));
  }

  /**
   * Jobs newest first; of one user, or of all. {@code page} counts from 1.
   *
   * @param each returns what is wanted of a job; only one whole job is in memory at a time
   */
  public <T> List<T> page(Optional<String> owner, int page, int size, Function<Job, T> each) {
    return list(new Selection(owner, false, Optional.empty()), page, size, each).rows();
  }

  /** How many jobs there are; of one user, or of all. */
  public long count(Optional<String> owner) {
    return lists.count(owner);
  }

  /**
   * One page of a list, newest first, and how many jobs the whole list has.
   *
   * @param page counts from 1
   * @param each returns what is wanted of a job; only one whole job is in memory at a time
   */
  public <T> Listed<T> list(Selection which, int page, int size, Function<Job, T> each) {
    IndexLists.Found found = lists.find(which, (long) (page - 1) * size, size);
    return new Listed<>(
        found.sequences().stream().map(this::record).map(JobRecord::job).map(each).toList(),
        found.total());
  }

  /**
   * Ended jobs whose files are still here: first those whose removal was begun, then the others.
   *
   * @param after the last job of the page before
   */
  public List<Job> sweepable(Instant endedBefore, Optional<Job> after, int limit) {
    Optional<Job> kept = after.filter(job -> job.files() == JobFiles.KEPT);
    List<JobRecord> found = new ArrayList<>();
    if (kept.isEmpty()) {
      found.addAll(ended(JobFiles.SWEEPING, endedBefore, after, _ -> true, limit));
    }
    found.addAll(ended(JobFiles.KEPT, endedBefore, kept, _ -> true, limit - found.size()));
    return found.stream().map(JobRecord::job).toList();
  }

  /**
   * Jobs that nothing needs any more, the oldest end first: those that ended before some time; or,
   * where these are too few, as many as there are jobs beyond a number.
   */
  public List<JobId> forgettable(Instant endedBefore, long newest, int limit) {
    int surplus = Math.clamp(jobs.sizeAsLong() - newest, 0, limit);
    List<JobRecord> found = unneeded(endedBefore, limit);
    return (found.size() < surplus ? unneeded(LAST, surplus) : found)
        .stream().map(record -> record.job().id()).toList();
  }

  private List<JobRecord> unneeded(Instant endedBefore, int limit) {
    return ended(JobFiles.SWEPT, endedBefore, Optional.empty(), record -> !record.isOwed(), limit);
  }

  /** Jobs that ended before some time, whose files are in that condition, the oldest end first. */
  private List<JobRecord> ended(
      JobFiles files, Instant before, Optional<Job> after, Predicate<JobRecord> which, int limit) {
    String from =
        after
            .map(job -> IndexKeys.ofEnded(job) + IndexKeys.NEXT)
            .orElseGet(() -> IndexKeys.ofEnded(files, FIRST));
    List<JobRecord> found = new ArrayList<>();
    Cursor<String, Long> cursor = keys.cursor(from, IndexKeys.ofEnded(files, before), false);
    while (found.size() < limit && cursor.hasNext()) {
      cursor.next();
      JobRecord record = record(cursor.getValue());
      if (which.test(record)) {
        found.add(record);
      }
    }
    return found;
  }
}
