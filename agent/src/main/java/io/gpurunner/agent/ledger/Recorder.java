package io.gpurunner.agent.ledger;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.ledger.commit.GroupCommit;
import io.gpurunner.agent.ledger.disk.Change;
import io.gpurunner.agent.ledger.disk.Entry;
import io.gpurunner.agent.ledger.disk.JobRecord;
import io.gpurunner.agent.ledger.disk.LedgerStore;
import java.io.IOException;
import java.util.Collection;
import java.util.List;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Records the draft of a group, and then shows the jobs to all readers. For the thread that
 * records.
 */
final class Recorder implements GroupCommit.Group {
  private static final Logger log = LoggerFactory.getLogger(Recorder.class);

  private final LedgerStore disk;
  private final Records records;
  private final EndedStandings ended;
  private final Draft draft;
  private final CommitWatch watch;
  private final List<Consumer<Job>> listeners;

  private boolean failed;
  private List<Job> published = List.of();

  Recorder(
      LedgerStore disk,
      Records records,
      EndedStandings ended,
      Draft draft,
      CommitWatch watch,
      List<Consumer<Job>> listeners) {
    this.disk = disk;
    this.records = records;
    this.ended = ended;
    this.draft = draft;
    this.watch = watch;
    this.listeners = listeners;
  }

  @Override
  public void begin() {
    draft.clear();
  }

  @Override
  public void undoLast() {
    draft.undoLast();
  }

  @Override
  public void keepLast() {
    draft.keepLast();
  }

  @Override
  public void record() throws IOException {
    watch.reached(CommitWatch.Boundary.UNCOMMITTED, changed());
    List<Entry> entries = draft.entries();
    // After a failure an empty group shows whether the disk works again.
    if (!entries.isEmpty() || failed) {
      failed = true;
      disk.record(entries);
      failed = false;
    }
  }

  private Collection<Job> changed() {
    return draft.kept().stream()
        .flatMap(change -> change.record().stream())
        .map(JobRecord::job)
        .toList();
  }

  @Override
  public void publish() {
    List<Job> changed = List.copyOf(changed());
    watch.reached(CommitWatch.Boundary.UNTOLD, changed);
    published = changed;
    Collection<Change> changes = List.copyOf(draft.kept());
    changes.forEach(records::put);
    ended.changed(changes);
    disk.publish(changes);
    for (Job job : changed) {
      listeners.forEach(listener -> tell(listener, job));
    }
  }

  private static void tell(Consumer<Job> listener, Job job) {
    try {
      listener.accept(job);
    } catch (RuntimeException e) {
      log.error("{} is on disk, but a listener failed", job.id(), e);
    }
  }

  @Override
  public void rest() {
    watch.reached(CommitWatch.Boundary.TOLD, published);
    published = List.of();
  }
}
