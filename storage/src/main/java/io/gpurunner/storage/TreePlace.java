package io.gpurunner.storage;

import io.gpurunner.storage.HostCalls.CallFailedException;
import io.gpurunner.storage.HostCalls.Directory;
import io.gpurunner.storage.HostCalls.Entry;
import io.gpurunner.storage.HostCalls.Facts;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * The place of a walk in a tree. It goes down by a name and never through a path, so a tree may be
 * deeper than any path can be long. The upper directories stay open. Below them only one is open,
 * and the walk goes up by {@code ..} and checks that it comes to where it was. For one thread.
 */
final class TreePlace implements AutoCloseable {
  /** The largest number of directories that one walk holds open. */
  static final int OPEN_LIMIT = 128;

  private final HostCalls calls;
  private final Deque<Level> above = new ArrayDeque<>();
  private int open = 1;
  private Directory current;
  private Facts facts;

  /** A directory above the place. */
  private sealed interface Level {
    /** It stayed open. */
    record Open(Facts facts, Directory directory) implements Level {}

    /** It was closed, and reading it goes on at this position. */
    record Closed(Facts facts, long next) implements Level {}
  }

  /** A directory was moved or removed while the walk was deep in it. */
  static final class MovedException extends Exception {
    private static final long serialVersionUID = 1L;
  }

  /**
   * @param top is closed by this object
   */
  TreePlace(HostCalls calls, Directory top) throws CallFailedException {
    this.calls = calls;
    this.current = top;
    this.facts = describe(top);
  }

  private Facts describe(Directory directory) throws CallFailedException {
    try {
      return calls.describe(directory);
    } catch (CallFailedException failure) {
      calls.close(directory);
      throw failure;
    }
  }

  /** Returns the directory at which the walk is. */
  Directory directory() {
    return current;
  }

  Facts facts() {
    return facts;
  }

  /** Returns how many directories are above this one. */
  int depth() {
    return above.size();
  }

  /** Goes into a directory, which is an entry of this one. */
  void goDown(Entry entry) throws CallFailedException {
    long next = entry.next();
    Directory child = calls.open(current, entry);
    Facts found = describe(child);
    if (open < OPEN_LIMIT) {
      above.push(new Level.Open(facts, current));
      open++;
    } else {
      above.push(new Level.Closed(facts, next));
      calls.close(current);
    }
    current = child;
    facts = found;
  }

  /**
   * Goes up by one directory, and reads on there.
   *
   * @return false if this is the top
   */
  boolean goUp() throws CallFailedException, MovedException {
    if (above.isEmpty()) {
      return false;
    }
    switch (above.pop()) {
      case Level.Open level -> {
        calls.close(current);
        open--;
        current = level.directory();
        facts = level.facts();
      }
      case Level.Closed level -> {
        Directory parent = openParent();
        calls.close(current);
        current = parent;
        facts = calls.describe(parent);
        if (facts.inode() != level.facts().inode() || facts.device() != level.facts().device()) {
          throw new MovedException();
        }
        calls.seek(current, level.next());
      }
    }
    return true;
  }

  private Directory openParent() throws CallFailedException, MovedException {
    try {
      return calls.openParent(current);
    } catch (CallFailedException failure) {
      if (failure.isRaced() || failure.isForbidden()) {
        throw new MovedException();
      }
      throw failure;
    }
  }

  @Override
  public void close() {
    calls.close(current);
    for (Level level : above) {
      if (level instanceof Level.Open upper) {
        calls.close(upper.directory());
      }
    }
  }
}
