package io.gpurunner.agent.log;

import io.gpurunner.agent.log.LogRecord.Signature;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Finds where a reading of the engine goes beyond what a log has. It compares sequences of pieces,
 * because single ones repeat, clocks are set back, and engines forget the beginning of an output.
 * For one thread and one reading.
 */
final class LogAligner {
  private final List<Signature> known;
  private final int[] fallback;
  private final Set<Signature> knownSet;
  private final List<Signature> first = new ArrayList<>();
  private int matched;
  private long seen;
  private long afterLastCommon;
  private Optional<Signature> lastCommon = Optional.empty();

  /**
   * Where the reading goes beyond the log.
   *
   * @param skipped the number of its pieces that the log has, or that come before such ones
   * @param last the last of these
   * @param gap whether output may be missing between the log and the first piece that it lacks
   */
  record Overlap(long skipped, Optional<Signature> last, boolean gap) {}

  /**
   * @param known the last pieces of the log, oldest first; if there are none, all is new
   */
  LogAligner(List<Signature> known) {
    this.known = known;
    this.knownSet = new HashSet<>(known);
    this.fallback = new int[known.size()];
    for (int at = 1, length = 0; at < known.size(); at++) {
      length = extended(length, known.get(at));
      fallback[at] = length;
    }
  }

  /** Returns whether all known pieces were seen, one after the other. What follows is new. */
  boolean isAligned() {
    return matched == known.size();
  }

  /** Returns the number of pieces that were taken. */
  long seen() {
    return seen;
  }

  /** Takes the next piece of the reading. */
  void see(Signature piece) {
    seen++;
    if (first.size() < known.size()) {
      first.add(piece);
    }
    if (knownSet.contains(piece)) {
      afterLastCommon = seen;
      lastCommon = Optional.of(piece);
    }
    matched = extended(matched, piece);
  }

  /** Returns how many of the known pieces from the first on are the last of a sequence. */
  private int extended(int before, Signature piece) {
    int length = before;
    while (length > 0 && !known.get(length).equals(piece)) {
      length = fallback[length - 1];
    }
    return known.get(length).equals(piece) ? length + 1 : length;
  }

  /**
   * Returns where the whole output that the engine has goes beyond the log. It is asked after the
   * last piece of a reading that was never aligned.
   */
  Overlap overlap() {
    // The engine may have forgotten the beginning. Then its first pieces are the last known ones.
    for (int from = 0; from < known.size(); from++) {
      int length = known.size() - from;
      if (length <= first.size()
          && known.subList(from, known.size()).equals(first.subList(0, length))) {
        return new Overlap(length, Optional.of(known.getLast()), false);
      }
    }
    return new Overlap(afterLastCommon, lastCommon, true);
  }
}
