package io.gpurunner.agent.run;

import io.gpurunner.agent.job.Job;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Remembers when users had their turns. Among jobs of one priority that want the same kind of thing
 * (one type of GPU, or a place without one), users take turns (docs/adr/028). A crash takes this
 * memory, and then each user's turn counts from the arrival of his first job. For one thread.
 */
final class UserTurns {
  /** The largest number of turns that are remembered. The oldest is forgotten first. */
  static final int REMEMBERED_LIMIT = 10_000;

  private final Map<Line, Turn> last =
      new LinkedHashMap<>() {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Line, Turn> eldest) {
          return size() > REMEMBERED_LIMIT;
        }
      };

  private long newestSequence;
  private long turns;

  /**
   * A line of jobs in which a user's jobs start in the order in which they came.
   *
   * @param kind the type of the GPUs; empty text for a job without GPUs
   */
  record Line(String user, int priority, String kind) {}

  /**
   * A moment in the order of arrivals and turns.
   *
   * @param sequence the number of the newest job then
   * @param turn the number of the turn; 0 for an arrival, which comes before all turns at its time
   */
  record Turn(long sequence, long turn) implements Comparable<Turn> {
    private static final Comparator<Turn> ORDER =
        Comparator.comparingLong(Turn::sequence).thenComparingLong(Turn::turn);

    @Override
    public int compareTo(Turn other) {
      return ORDER.compare(this, other);
    }
  }

  /** Notes the jobs that there are, so that later turns come after their arrival. */
  void sees(Job job) {
    newestSequence = Math.max(newestSequence, job.sequence());
  }

  /** Notes that a user had his turn in a line. */
  void had(Line line) {
    turns++;
    last.remove(line); // so that it becomes the newest
    last.put(line, new Turn(newestSequence, turns));
  }

  /**
   * Returns since when a user waits for his turn: since the arrival of his first job in that line,
   * or since his last turn.
   */
  Turn since(Line line, Job first) {
    Turn arrival = new Turn(first.sequence(), 0);
    Turn before = last.get(line);
    return before == null || before.compareTo(arrival) < 0 ? arrival : before;
  }

  /** Returns how many turns are remembered. Used by tests. */
  int remembered() {
    return last.size();
  }
}
