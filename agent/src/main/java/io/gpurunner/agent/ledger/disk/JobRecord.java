package io.gpurunner.agent.ledger.disk;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobHistory;
import io.gpurunner.agent.job.JobState;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * All that the ledger keeps of one job. It follows from the entries about the job, applied in
 * order. A snapshot holds one for each job. Immutable.
 *
 * @param lines its history, oldest first
 */
public record JobRecord(
    Job job,
    Optional<Entry.Key> key,
    List<JobHistory.Line> lines,
    Optional<CallbackRecord> callback) {
  /** The most lines of history a job keeps. Past that, the older half goes, but for the first. */
  public static final int LINE_LIMIT = 1_000;

  public JobRecord {
    lines = List.copyOf(lines);
  }

  private static JobRecord of(Entry.Created created) {
    return new JobRecord(created.job(), created.key(), created.lines(), Optional.empty());
  }

  /** Whether the job has not ended. */
  public boolean isLive() {
    return job.state() instanceof JobState.Live;
  }

  /** Whether its callback is still to be sent. */
  public boolean isOwed() {
    return callback.filter(CallbackRecord::isOwed).isPresent();
  }

  /** Returns whether decisions need the job, so that it must be in memory. */
  public boolean isNeeded() {
    return isLive() || isOwed();
  }

  /**
   * Applies an entry to what is kept of its job.
   *
   * @param before empty where nothing is kept, as before the job is created
   * @return empty where nothing is kept any more
   */
  public static Optional<JobRecord> after(Optional<JobRecord> before, Entry entry) {
    return entry instanceof Entry.Created created
        ? Optional.of(of(created))
        : before.flatMap(record -> record.after(entry));
  }

  private Optional<JobRecord> after(Entry entry) {
    return switch (entry) {
      case Entry.Created created -> throw new IllegalStateException(created.id() + " was created");
      case Entry.Changed changed -> Optional.of(after(changed));
      case Entry.Noted noted -> Optional.of(withLines(job, List.of(noted.line()), callback));
      case Entry.Tried tried ->
          Optional.of(
              withLines(job, tried.line().stream().toList(), Optional.of(tried.callback())));
      case Entry.Forgotten _ -> Optional.empty();
    };
  }

  private JobRecord after(Entry.Changed changed) {
    return withLines(changed(job, changed), changed.lines(), callbackAfter(callback, changed));
  }

  /** A job's callback after a change of the job. */
  private static Optional<CallbackRecord> callbackAfter(
      Optional<CallbackRecord> callback, Entry.Changed changed) {
    return changed.state() instanceof JobState.Live
        ? callback.map(CallbackRecord::superseded)
        : changed.owed().map(CallbackRecord::of).or(() -> callback);
  }

  /** The job after a change of it. */
  private static Job changed(Job job, Entry.Changed changed) {
    return new Job(
        job.id(),
        job.user(),
        job.sequence(),
        changed.version(),
        job.createdAt(),
        job.request(),
        changed.state(),
        changed.deletion(),
        changed.setback(),
        changed.files(),
        changed.gpuUse());
  }

  private JobRecord withLines(
      Job next, List<JobHistory.Line> added, Optional<CallbackRecord> nextCallback) {
    List<JobHistory.Line> all = new ArrayList<>(lines);
    for (JobHistory.Line line : added) {
      all.add(line);
      trim(all, line.at());
    }
    return new JobRecord(next, key, all, nextCallback);
  }

  private static void trim(List<JobHistory.Line> lines, Instant at) {
    if (lines.size() > LINE_LIMIT) {
      List<JobHistory.Line> older = lines.subList(1, lines.size() - LINE_LIMIT / 2);
      int removed = older.size();
      older.clear();
      lines.add(trimmed(removed, at));
    }
  }

  /** The line that says that older ones were removed. */
  static JobHistory.Line trimmed(int removed, Instant at) {
    return new JobHistory.Line(
        at,
        JobHistory.TRIMMED,
        removed + " older lines were removed: a job keeps at most " + LINE_LIMIT + " lines");
  }
}
