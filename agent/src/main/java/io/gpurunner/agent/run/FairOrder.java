package io.gpurunner.agent.run;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.run.UserTurns.Line;
import io.gpurunner.agent.run.UserTurns.Turn;
import io.gpurunner.gpu.GpuType;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Predicate;

/**
 * Puts the queue in its order: by priority, and among equals users take turns. Equals are jobs of
 * one priority that want the same kind of thing: one type of GPU, or a place without one. First
 * comes the first job of each user, then the second of each, and so on. The user who has waited for
 * his turn for longest is the first. Jobs that want different things come as they arrived. So the
 * jobs of one user alone keep the order in which they came.
 *
 * <p>The order stays the same while jobs start and none comes, because a user who had his turn is
 * the last of the next round. A job that no end of other jobs can let start takes no turn, so it
 * does not hold up its user's other jobs (docs/adr/014). For one round, in one thread.
 */
final class FairOrder {
  private final UserTurns turns;
  private final Predicate<Job> takesTurn;
  private final Map<String, String> kinds = new HashMap<>();

  /**
   * A job in the order of the queue.
   *
   * @param takesTurn whether its user has his turn with it
   * @param round how many jobs of its line take their turn before it
   * @param since since when its user waits for his turn
   */
  record Place(Job job, Line line, boolean takesTurn, int round, Turn since) {
    private static final Comparator<Place> AMONG_EQUALS =
        Comparator.comparingInt(Place::round)
            .thenComparing(Place::since)
            .thenComparingLong(Place::sequence);

    private long sequence() {
      return job.sequence();
    }
  }

  /**
   * @param takesTurn whether nothing but other jobs keeps a job waiting
   */
  FairOrder(UserTurns turns, Predicate<Job> takesTurn) {
    this.turns = turns;
    this.takesTurn = takesTurn;
  }

  /** Returns the jobs in the order of the queue. */
  List<Place> of(Collection<Job> queued) {
    Map<Integer, Map<String, List<Place>>> equals = new TreeMap<>(Comparator.reverseOrder());
    Map<Line, List<Job>> lines = new HashMap<>();
    queued.stream()
        .sorted(Placement.ORDER)
        .forEach(job -> lines.computeIfAbsent(lineOf(job), _ -> new ArrayList<>()).add(job));
    lines.forEach(
        (line, jobs) ->
            equals
                .computeIfAbsent(line.priority(), _ -> new HashMap<>())
                .computeIfAbsent(line.kind(), _ -> new ArrayList<>())
                .addAll(places(line, jobs)));
    List<Place> all = new ArrayList<>(queued.size());
    equals.values().forEach(kind -> all.addAll(merged(kind.values())));
    return all;
  }

  /** Returns the line of a job. The kind of each type of GPU is found once. */
  private Line lineOf(Job job) {
    String kind =
        Placement.needsPlace(job)
            ? ""
            : kinds.computeIfAbsent(
                job.request().gpuType(), type -> GpuType.ofProductName(type).normalised());
    return new Line(job.user(), job.request().priority(), kind);
  }

  private List<Place> places(Line line, List<Job> jobs) {
    Job first = jobs.stream().filter(takesTurn).findFirst().orElse(jobs.getFirst());
    Turn since = turns.since(line, first);
    List<Place> places = new ArrayList<>(jobs.size());
    int round = 0;
    for (Job job : jobs) {
      boolean takes = takesTurn.test(job);
      places.add(new Place(job, line, takes, round, since));
      round += takes ? 1 : 0;
    }
    return places;
  }

  /** Merges the jobs of all kinds: of those that are next in their kind, the oldest comes first. */
  private static List<Place> merged(Collection<List<Place>> kinds) {
    List<Deque<Place>> left = new ArrayList<>();
    kinds.forEach(
        places -> left.add(new ArrayDeque<>(places.stream().sorted(Place.AMONG_EQUALS).toList())));
    List<Place> merged = new ArrayList<>();
    while (!left.isEmpty()) {
      Deque<Place> next =
          left.stream()
              .min(Comparator.comparingLong(places -> places.getFirst().sequence()))
              .orElseThrow();
      merged.add(next.removeFirst());
      if (next.isEmpty()) {
        left.remove(next);
      }
    }
    return merged;
  }
}
