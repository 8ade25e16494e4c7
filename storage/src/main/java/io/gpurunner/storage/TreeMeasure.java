package io.gpurunner.storage;

import io.gpurunner.storage.HostCalls.CallFailedException;
import io.gpurunner.storage.HostCalls.Directory;
import io.gpurunner.storage.HostCalls.Entry;
import io.gpurunner.storage.HostCalls.Facts;
import io.gpurunner.storage.StorageException.Kind;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;

/**
 * Measures a directory tree that an untrusted job writes meanwhile. It follows no link, enters no
 * mounted file system, and counts a file with several names once. It needs a limited number of open
 * directories and little memory, however deep or wide the tree is. For one thread.
 */
final class TreeMeasure {
  /** The longest time that one walk takes. */
  static final Duration WALK_LIMIT = Duration.ofMinutes(2);

  /** The largest number of files with several names that are remembered. Then each name counts. */
  static final int LINKED_LIMIT = 500_000;

  /** A walk that ran out of time after more entries than this was slow because of the tree. */
  static final long SLOW_DISK_ENTRIES = 1_000_000;

  /** The number of walks through a tree whose directories are moved during the walk. */
  static final int WALKS = 3;

  /** The largest number of directories inside one another that a walk goes into. */
  static final int DEPTH_LIMIT = 100_000;

  /** The clock is read once for so many entries. */
  private static final int ENTRIES_PER_LOOK = 1_024;

  private final HostCalls calls;
  private final long maxFiles;
  private final long endNanos;
  private final Set<Long> linked = new HashSet<>();
  private long bytes;
  private long files;
  private long entries;
  private long unreadable;

  /** What a walk found: the bytes on disk, and the number of files, directories and links. */
  record Used(long bytes, long files) {
    static final Used NOTHING = new Used(0, 0);
  }

  /** A tree that the job itself keeps from being measured. */
  static final class HiddenTreeException extends Exception {
    private static final long serialVersionUID = 1L;
    private final transient Used seen;

    HiddenTreeException(String message, Used seen) {
      super(message);
      this.seen = seen;
    }

    /** Returns what was measured all the same. */
    Used seen() {
      return seen;
    }
  }

  private TreeMeasure(HostCalls calls, long maxFiles, Duration limit) {
    this.calls = calls;
    this.maxFiles = maxFiles;
    this.endNanos = System.nanoTime() + limit.toNanos();
  }

  /**
   * Measures a tree. An absent one is empty.
   *
   * @param maxFiles the walk ends early once it has found more files
   * @throws HiddenTreeException if the job keeps the tree from being measured
   * @throws StorageException UNAVAILABLE if the disk does
   */
  static Used of(Path directory, long maxFiles) throws HiddenTreeException {
    return of(directory, maxFiles, WALK_LIMIT);
  }

  static Used of(Path directory, long maxFiles, Duration limit) throws HiddenTreeException {
    try (HostCalls calls = new HostCalls()) {
      Used seen = Used.NOTHING;
      for (int walk = 0; walk < WALKS; walk++) {
        TreeMeasure measure = new TreeMeasure(calls, maxFiles, limit);
        try {
          return measure.walk(directory);
        } catch (TreePlace.MovedException moved) {
          seen = measure.used();
        }
      }
      throw new HiddenTreeException(
          "its directories are moved again and again while it is measured", seen);
    } catch (CallFailedException failure) {
      throw new StorageException(
          Kind.UNAVAILABLE,
          "cannot measure %s: %s".formatted(directory, failure.getMessage()),
          failure);
    }
  }

  private Used walk(Path root)
      throws CallFailedException, HiddenTreeException, TreePlace.MovedException {
    Directory top;
    try {
      top = calls.open(root.toString());
    } catch (CallFailedException failure) {
      skip(failure);
      if (unreadable > 0) {
        throw hidden();
      }
      return Used.NOTHING;
    }
    try (TreePlace place = new TreePlace(calls, top)) {
      count(place.facts(), place.facts());
      while (files <= maxFiles && step(place)) {
        if (place.depth() > DEPTH_LIMIT) {
          throw new HiddenTreeException(
              "its directories nest deeper than %d levels".formatted(DEPTH_LIMIT), used());
        }
        if (++entries % ENTRIES_PER_LOOK == 0 && System.nanoTime() - endNanos > 0) {
          throw outOfTime(root);
        }
      }
    }
    if (unreadable > 0) {
      throw hidden();
    }
    return used();
  }

  /** Looks at the next entry, or goes up. Returns false at the end of the whole tree. */
  private boolean step(TreePlace place) throws CallFailedException, TreePlace.MovedException {
    Entry entry = calls.next(place.directory());
    if (entry == null) {
      return place.goUp();
    }
    if (entry.isDots()) {
      return true;
    }
    try {
      Facts facts = calls.describe(place.directory(), entry);
      // A kernel before 5.8 does not say what is mounted. There, the number of the device does.
      if (!facts.mounted().orElse(facts.device() != place.facts().device())) {
        count(facts, place.facts());
        if (facts.kind() == HostCalls.Kind.DIRECTORY) {
          place.goDown(entry);
        }
      }
    } catch (CallFailedException failure) {
      skip(failure);
    }
    return true;
  }

  private void skip(CallFailedException failure) throws CallFailedException {
    if (failure.isForbidden()) {
      unreadable++;
    } else if (!failure.isRaced()) {
      throw failure;
    }
  }

  private void count(Facts facts, Facts parent) {
    // A job may create subvolumes of btrfs. These have other devices, and numbers of their own.
    if (facts.kind() != HostCalls.Kind.DIRECTORY
        && facts.links() > 1
        && facts.device() == parent.device()
        && !isFirstName(facts)) {
      return;
    }
    files++;
    bytes += facts.blockBytes();
  }

  private boolean isFirstName(Facts facts) {
    return linked.size() < LINKED_LIMIT
        ? linked.add(facts.inode())
        : !linked.contains(facts.inode());
  }

  private Used used() {
    return new Used(bytes, files);
  }

  private HiddenTreeException hidden() {
    return new HiddenTreeException(
        "%d of its files and directories cannot be read; give its directories the permissions r and x"
            .formatted(unreadable),
        used());
  }

  private HiddenTreeException outOfTime(Path root) {
    if (entries <= SLOW_DISK_ENTRIES) {
      throw new StorageException(
          Kind.UNAVAILABLE,
          "measuring %s took too long: the disk showed only %d entries in time"
              .formatted(root, entries));
    }
    return new HiddenTreeException(
        "it holds so many files that they cannot be counted in time; write fewer and larger ones",
        used());
  }
}
