package io.gpurunner.agent.ledger.commit;

import io.gpurunner.agent.ledger.LedgerException;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Records a group of commits: they share one write and one sync, and nobody is answered before that
 * sync. Whatever goes wrong, every caller is answered. For one thread, but for {@link #fault}.
 */
public final class GroupCommit {
  private static final Logger log = LoggerFactory.getLogger(GroupCommit.class);

  private final Group group;
  private volatile Optional<String> fault = Optional.empty();

  /** What is recorded, and how. Called by the thread that records. */
  public interface Group {
    /** A group begins. */
    void begin();

    /** The last commit failed, and its decisions are void. */
    void undoLast();

    /** The last commit is valid, if the group is recorded. */
    void keepLast();

    /**
     * Records what was decided; returns once it is on disk.
     *
     * @throws IOException where it may be on disk, or not
     */
    void record() throws IOException;

    /** The group is on disk: from now on it may be answered. */
    void publish();

    /** All callers were answered. */
    void rest();
  }

  public GroupCommit(Group group) {
    this.group = group;
  }

  /** Settles all of these commits. */
  public void write(List<Commit<?>> commits) {
    // An Error is caught as well: callers must be answered.
    try {
      group.begin();
      for (Commit<?> commit : commits) {
        if (!commit.isSettled()) {
          decide(commit);
        }
      }
      group.record();
    } catch (Throwable e) {
      refuse(commits, e);
      return;
    }
    fault = Optional.empty();
    attempt(group::publish);
    commits.forEach(Commit::complete);
    attempt(group::rest);
  }

  private void decide(Commit<?> commit) {
    try {
      commit.run();
      group.keepLast();
    } catch (RuntimeException e) {
      group.undoLast();
      commit.fail(e);
    }
  }

  private void refuse(List<Commit<?>> commits, Throwable e) {
    String message = "the ledger could not be written: " + LedgerException.rootOf(e).getMessage();
    if (e instanceof IOException) {
      log.error("{}", message);
    } else {
      log.error("the ledger could not be written", e);
    }
    fault = Optional.of(message);
    LedgerException failure = new LedgerException(LedgerException.Kind.UNKNOWN, message, e);
    commits.forEach(commit -> commit.fail(failure));
  }

  private static void attempt(Runnable step) {
    try {
      step.run();
    } catch (Throwable e) {
      log.error("a group is on disk, and a listener failed", e);
    }
  }

  /** Why the last group was refused; empty where it was not. */
  public Optional<String> fault() {
    return fault;
  }
}
