package io.gpurunner.agent.run;

import io.gpurunner.agent.job.JobHistory;
import io.gpurunner.api.JobDetail;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads from a job's history which runs it had. Stateless. */
final class Attempts {
  /** The words of the line before another run. */
  private static final Pattern NEXT_RUN = Pattern.compile("queued again for run ([0-9]{1,9}) of.*");

  private Attempts() {}

  /**
   * Returns the runs in order. Where older lines were removed, the number of a run is known only
   * after the line of a retry; runs before it are left out.
   *
   * @param history all lines that are kept, oldest first
   * @param shown converts a time of the steady clock to the time that users see
   */
  static List<JobDetail.Attempt> of(List<JobHistory.Line> history, UnaryOperator<Instant> shown) {
    boolean whole = history.stream().noneMatch(line -> line.kind().equals(JobHistory.TRIMMED));
    List<JobDetail.Attempt> attempts = new ArrayList<>();
    Optional<Integer> number = whole ? Optional.of(1) : Optional.empty();
    for (JobHistory.Line line : history) {
      switch (line.kind()) {
        case JobHistory.RETRY -> number = nextRun(line.message());
        case JobHistory.LEASED, JobHistory.STARTED, JobHistory.ENDING ->
            number.ifPresent(run -> add(attempts, run, line, shown.apply(line.at())));
        default -> {
          // The other lines say nothing about the course of a run.
        }
      }
    }
    return List.copyOf(attempts);
  }

  private static Optional<Integer> nextRun(String message) {
    Matcher words = NEXT_RUN.matcher(message);
    return words.matches() ? Optional.of(Integer.valueOf(words.group(1))) : Optional.empty();
  }

  /** Adds what a line says to its run, which is the last one. */
  private static void add(
      List<JobDetail.Attempt> attempts, int run, JobHistory.Line line, Instant at) {
    boolean isKnown = !attempts.isEmpty() && attempts.getLast().number() == run;
    JobDetail.Attempt before =
        isKnown
            ? attempts.removeLast()
            : new JobDetail.Attempt(run, Optional.empty(), Optional.empty(), Optional.empty());
    attempts.add(
        switch (line.kind()) {
          case JobHistory.STARTED ->
              new JobDetail.Attempt(run, Optional.of(at), Optional.empty(), Optional.empty());
          case JobHistory.ENDING ->
              new JobDetail.Attempt(
                  run, before.startedAt(), Optional.of(at), Optional.of(line.message()));
          default -> before;
        });
  }
}
