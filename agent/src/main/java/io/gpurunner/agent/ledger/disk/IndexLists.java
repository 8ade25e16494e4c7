package io.gpurunner.agent.ledger.disk;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.function.LongPredicate;
import org.h2.mvstore.Cursor;
import org.h2.mvstore.MVMap;

/**
 * Finds the jobs of a list by their keys alone, newest first. A page costs about as much as it has
 * jobs, however many jobs there are; a list by the beginning of an id costs as much as there are
 * jobs whose id begins so.
 */
final class IndexLists {
  private final MVMap<Long, byte[]> jobs;
  private final MVMap<String, Long> keys;

  /**
   * The sequences of the jobs on a page, and how many the whole list has.
   *
   * @param sequences newest first
   */
  record Found(List<Long> sequences, long total) {}

  IndexLists(MVMap<Long, byte[]> jobs, MVMap<String, Long> keys) {
    this.jobs = jobs;
    this.keys = keys;
  }

  /**
   * Finds a page.
   *
   * @param skipped how many jobs are on the pages before
   * @param size the most jobs on the page
   */
  Found find(Selection which, long skipped, int size) {
    if (which.idPrefix().isPresent()) {
      return withPrefix(which.idPrefix().get(), which, skipped, size);
    }
    Group all = group(which.owner());
    if (!which.endedOnly()) {
      return new Found(all.page(skipped, size, _ -> true), all.size());
    }
    Group live = new KeyGroup(IndexKeys.ofLive(which.owner()));
    long ended = all.size() - live.size();
    long first = all.size() - position(all, live, ended - skipped);
    return new Found(
        skipped >= ended
            ? List.of()
            : all.page(first, size, sequence -> !isLive(which.owner(), sequence)),
        ended);
  }

  /** How many jobs there are; of one user, or of all. */
  long count(Optional<String> owner) {
    return group(owner).size();
  }

  private boolean isLive(Optional<String> owner, long sequence) {
    return keys.containsKey(IndexKeys.ofLive(owner) + IndexKeys.number(sequence));
  }

  /**
   * Returns the smallest number of the oldest jobs among which so many have ended.
   *
   * @param wanted at most as many as have ended
   */
  private static long position(Group all, Group live, long wanted) {
    long low = 0;
    long high = all.size();
    while (low < high) {
      long middle = (low + high) >>> 1;
      long endedThere = middle == 0 ? 0 : middle - live.upTo(all.at(middle - 1));
      if (endedThere >= wanted) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }

  private Found withPrefix(String prefix, Selection which, long skipped, int size) {
    List<Long> found = new ArrayList<>();
    String from = IndexKeys.ofIdPrefix(prefix);
    Cursor<String, Long> cursor = keys.cursor(from, from + IndexKeys.LAST, false);
    while (cursor.hasNext()) {
      cursor.next();
      found.add(cursor.getValue());
    }
    // In their order, the keys of one user are close together.
    Collections.sort(found);
    found.removeIf(sequence -> !isIn(which, sequence));
    List<Long> page = found.reversed().stream().skip(skipped).limit(size).toList();
    return new Found(page, found.size());
  }

  private boolean isIn(Selection which, long sequence) {
    return which
            .owner()
            .filter(
                owner -> !keys.containsKey(IndexKeys.ofOwner(owner) + IndexKeys.number(sequence)))
            .isEmpty()
        && !(which.endedOnly() && isLive(Optional.empty(), sequence));
  }

  private Group group(Optional<String> owner) {
    return owner
        .<Group>map(name -> new KeyGroup(IndexKeys.ofOwner(name)))
        .orElseGet(() -> new AllJobs());
  }

  /** Jobs in the order of their sequences. */
  private abstract static class Group {
    abstract long size();

    /** Returns the sequence of the job at a place, of which the oldest is 0. */
    abstract long at(long place);

    /** Returns how many jobs have this sequence or a smaller one. */
    abstract long upTo(long sequence);

    /** Returns the sequences from a place on, backwards. */
    abstract Iterator<Long> backwardsFrom(long place);

    /** Returns a page of the sequences that are wanted, newest first. */
    final List<Long> page(long skipped, int size, LongPredicate wanted) {
      List<Long> page = new ArrayList<>();
      long left = size() - skipped;
      if (left > 0) {
        Iterator<Long> backwards = backwardsFrom(left - 1);
        for (; left > 0 && page.size() < size; left--) {
          long sequence = backwards.next();
          if (wanted.test(sequence)) {
            page.add(sequence);
          }
        }
      }
      return page;
    }
  }

  private final class AllJobs extends Group {
    @Override
    long size() {
      return jobs.sizeAsLong();
    }

    @Override
    long at(long place) {
      return jobs.getKey(place);
    }

    @Override
    long upTo(long sequence) {
      long found = jobs.getKeyIndex(sequence);
      return found < 0 ? -found - 1 : found + 1;
    }

    @Override
    Iterator<Long> backwardsFrom(long place) {
      return jobs.keyIteratorReverse(jobs.getKey(place));
    }
  }

  /** The jobs whose keys begin alike and end with their sequences. */
  private final class KeyGroup extends Group {
    private final String beginning;
    private final long first;

    KeyGroup(String beginning) {
      this.beginning = beginning;
      this.first = rank(beginning);
    }

    @Override
    long size() {
      return rank(beginning + IndexKeys.LAST) - first;
    }

    @Override
    long at(long place) {
      return IndexKeys.sequenceIn(keys.getKey(first + place));
    }

    @Override
    long upTo(long sequence) {
      return rank(beginning + IndexKeys.number(sequence) + IndexKeys.NEXT) - first;
    }

    @Override
    Iterator<Long> backwardsFrom(long place) {
      Iterator<String> backwards = keys.keyIteratorReverse(keys.getKey(first + place));
      return new Iterator<>() {
        @Override
        public boolean hasNext() {
          return backwards.hasNext();
        }

        @Override
        public Long next() {
          return IndexKeys.sequenceIn(backwards.next());
        }
      };
    }

    /** Returns how many keys come before this one. */
    private long rank(String key) {
      long found = keys.getKeyIndex(key);
      return found < 0 ? -found - 1 : found;
    }
  }
}
