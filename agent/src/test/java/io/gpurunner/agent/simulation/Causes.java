package io.gpurunner.agent.simulation;

import io.gpurunner.agent.simulation.JobTruth.Cause;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * What went wrong with each run of one job. A cause excuses a failure of the run that it befell,
 * and only one whose reason it can have. One thread.
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

  /** The run that the job is recorded to be at. */
  int attempt() {
    return attempt;
  }

  void moveTo(int newAttempt) {
    attempt = newAttempt;
  }

  /** Befalls the run that the job is recorded to be at. */
  void add(Cause cause) {
    add(attempt, cause);
  }

  void add(int ofAttempt, Cause cause) {
    of(ofAttempt).add(cause);
  }

  /** It cannot excuse what comes from now on. */
  void forget(Cause cause) {
    of(attempt).remove(cause);
  }

  boolean has(Cause cause) {
    return of(attempt).contains(cause);
  }

  /** Whether something that befell the last run can have led to a failure for that reason. */
  boolean explain(String reason) {
    return of(attempt).stream().anyMatch(cause -> cause.explains(reason));
  }

  /** Whether all that befell the last run are things after which a run is tried again. */
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
