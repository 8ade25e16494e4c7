package io.gpurunner.agent.job;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** Puts the failures of all runs of a retried job into the one reason that the user reads. Pure. */
public final class FailedRuns {
  /** The largest length of the reason, in characters. What is longer is cut. */
  static final int REASON_LIMIT_CHARS = 4_000;

  private FailedRuns() {}

  /**
   * Why a run failed.
   *
   * @param attempt the number of the run; the first is 1
   */
  public record Run(int attempt, String reason) {}

  /**
   * Reads from a job's history why its earlier runs failed, oldest first. A run whose lines were
   * removed because the history was too long is left out.
   *
   * @param history the lines of the job's history, oldest first
   * @param attempt the number of the last run
   */
  public static List<Run> earlier(List<JobHistory.Line> history, int attempt) {
    // Only older lines are removed, so the runs are counted from the last one back. The line of a
    // retry ends the lines of its run.
    List<Optional<String>> reasons = new ArrayList<>();
    Optional<String> ending = Optional.empty();
    for (JobHistory.Line line : history) {
      if (line.kind().equals(JobHistory.ENDING)) {
        ending = Optional.of(line.message());
      } else if (line.kind().equals(JobHistory.RETRY)) {
        reasons.add(ending);
        ending = Optional.empty();
      }
    }
    List<Run> runs = new ArrayList<>();
    for (int index = 0; index < reasons.size(); index++) {
      int number = attempt - reasons.size() + index;
      reasons.get(index).ifPresent(reason -> runs.add(new Run(number, reason)));
    }
    return List.copyOf(runs);
  }

  /**
   * Returns the reason of a job that failed: the last run's reason, and then those of the earlier
   * runs. Runs that failed for the same reason are named together.
   *
   * @param earlier the earlier runs, oldest first; none if there was only one run
   */
  public static String reason(Run last, List<Run> earlier) {
    if (last.attempt() == 1) {
      return last.reason();
    }
    List<Integer> likeLast = new ArrayList<>();
    Map<String, List<Integer>> others = new LinkedHashMap<>();
    for (Run run : earlier) {
      (run.reason().equals(last.reason())
              ? likeLast
              : others.computeIfAbsent(run.reason(), _ -> new ArrayList<>()))
          .add(run.attempt());
    }
    likeLast.add(last.attempt());
    String ofLast = words(likeLast, last.reason());
    String ofOthers =
        others.entrySet().stream()
            .map(group -> words(group.getValue(), group.getKey()))
            .collect(Collectors.joining("; "));
    return cut(ofOthers.isEmpty() ? ofLast : ofLast + "; earlier: " + ofOthers);
  }

  private static String words(List<Integer> runs, String reason) {
    String last = runs.getLast().toString();
    return runs.size() == 1
        ? "run " + last + ": " + reason
        : "runs "
            + runs.subList(0, runs.size() - 1).stream()
                .map(Object::toString)
                .collect(Collectors.joining(", "))
            + " and "
            + last
            + ": "
            + reason;
  }

  private static String cut(String reason) {
    if (reason.length() <= REASON_LIMIT_CHARS) {
      return reason;
    }
    boolean inPair = Character.isHighSurrogate(reason.charAt(REASON_LIMIT_CHARS - 1));
    return reason.substring(0, inPair ? REASON_LIMIT_CHARS - 1 : REASON_LIMIT_CHARS) + "…";
  }
}
