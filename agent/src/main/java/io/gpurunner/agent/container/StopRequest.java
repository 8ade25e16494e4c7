package io.gpurunner.agent.container;

import java.time.Duration;
import java.util.Optional;
import java.util.Set;

/**
 * What came of asking a container's programs to end. The caller hands it to the next call, so that
 * no program gets the signal twice.
 *
 * @param asked whether the programs were asked at all
 * @param signal the signal that is sent
 * @param init the container's first process; empty if it is not known
 * @param reached the processes that got the signal, and those below them, which are theirs to end
 * @param forgottenFor how long ago the signal was first sent, if the memory of that is lost; a
 *     program that catches the signal and is older than that counts as reached
 * @param words for the job's history, what this call did; empty if it sent nothing
 */
public record StopRequest(
    boolean asked,
    StopSignal signal,
    Optional<ProcessKey> init,
    Set<ProcessKey> reached,
    Optional<Duration> forgottenFor,
    Optional<String> words) {
  private static final StopRequest NONE =
      new StopRequest(
          false, StopSignal.TERM, Optional.empty(), Set.of(), Optional.empty(), Optional.empty());

  public StopRequest {
    reached = Set.copyOf(reached);
  }

  /** Returns that nobody was asked yet. */
  public static StopRequest none() {
    return NONE;
  }

  /** Returns that the programs were first asked so long ago, by an agent whose memory is lost. */
  public static StopRequest forgotten(Duration ago) {
    return new StopRequest(
        true, StopSignal.TERM, Optional.empty(), Set.of(), Optional.of(ago), Optional.empty());
  }

  /** Returns this request, for a container with this first process and this signal. */
  public StopRequest of(StopSignal its, Optional<ProcessKey> first) {
    return new StopRequest(asked, its, first, reached, forgottenFor, Optional.empty());
  }

  /** Returns this request as it is remembered for the next call, which has its own words. */
  public StopRequest withoutWords() {
    return of(signal, init);
  }

  /** Returns the request after a call that reached these processes, and sent nothing. */
  public StopRequest after(Set<ProcessKey> all) {
    return new StopRequest(true, signal, init, all, Optional.empty(), Optional.empty());
  }

  /** Returns the request after a call that reached these processes. */
  public StopRequest after(Set<ProcessKey> all, String what) {
    return new StopRequest(true, signal, init, all, Optional.empty(), Optional.of(what));
  }
}
