package io.gpurunner.agent.simulation;

import io.gpurunner.agent.simulation.JobTruth.Cause;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * The faults that hit each run of one job. A cause excuses only a failure of the run that it hit,
 * and only a failure whose reason fits the cause. One thread.
 */
final class Causes {
  private static final Set<Cause> RETRYABLE =
      EnumSet.of(
          Cause.EXIT_CODE,
          Cause.OUT_OF_MEMORY,
          Cause.KILLED,
          Cause.REMOVED,
          Cause.REBOOT,
          Cause.LOST_GPU);

  private final Map<Integer, Set<Cause>> ofAttempts = new TreeMap<>();
  private int attempt = 1;

  /** Returns the number of the run that is recorded for the job. */
  int attempt() {
    return attempt;
  }

  void moveTo(int newAttempt) {
    attempt = newAttempt;
  }

  /** Adds a cause to the run that is recorded for the job. */
  void add(Cause cause) {
    add(attempt, cause);
  }

  void add(int ofAttempt, Cause cause) {
    of(ofAttempt).add(cause);
  }

  /** Removes a cause, so that it excuses nothing from now on. */
  void forget(Cause cause) {
    of(attempt).remove(cause);
  }

  boolean has(Cause cause) {
    return of(attempt).contains(cause);
  }

  /** Returns whether a fault that hit the last run can have led to a failure with that reason. */
  boolean explain(String reason) {
    return explain(attempt, reason);
  }

  /** Returns whether a fault that hit that run can have led to a failure with that reason. */
  boolean explain(int ofAttempt, String reason) {
    return of(ofAttempt).stream().anyMatch(cause -> cause.explains(reason));
  }

  /** Returns whether faults hit the last run, and a run is repeated after each of them. */
  boolean allowRetry() {
    return !of(attempt).isEmpty() && RETRYABLE.containsAll(of(attempt));
  }

  private Set<Cause> of(int number) {
    return ofAttempts.computeIfAbsent(number, _ -> EnumSet.noneOf(Cause.class));
  }

  @Override
  public String toString() {
    return ofAttempts.toString();
  }
}
