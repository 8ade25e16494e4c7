package io.gpurunner.api;

import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * The full view of one job.
 *
 * @param number counts the jobs of this machine in the order of their creation
 * @param request what was asked for
 * @param state the exact state's name ({@code QUEUED} … {@code DELETED})
 * @param reason why it failed, or why it waits; empty if there is nothing to explain
 * @param queuePosition the position in the queue, 1 for the job that starts next; empty if the job
 *     is not queued
 * @param latestStart when it starts at the latest, if nothing fails and no job with a higher
 *     priority comes, and no user whose turn is earlier; empty if that is not known
 * @param gpuUuids the GPUs that the job holds now
 * @param gpuUse what its runs did with their GPUs, in order; empty in lists
 * @param attempts its runs in order, as far as its history says; empty in lists
 * @param events what happened to it, oldest first; empty in lists
 */
public record JobDetail(
    JobId id,
    long number,
    String user,
    JobRequest request,
    JobStatus status,
    String state,
    Optional<String> reason,
    Optional<Integer> queuePosition,
    Optional<Instant> latestStart,
    List<String> gpuUuids,
    Instant createdAt,
    Optional<Instant> startedAt,
    Optional<Instant> deadline,
    Optional<Instant> finishedAt,
    List<GpuUse> gpuUse,
    List<Attempt> attempts,
    List<Event> events) {

  /**
   * One run of the job.
   *
   * @param number the first is 1
   * @param startedAt when its container was seen running; empty if it was not
   * @param endedAt when the run was seen ended; empty if it is under way
   * @param ending how it ended
   */
  public record Attempt(
      int number,
      Optional<Instant> startedAt,
      Optional<Instant> endedAt,
      Optional<String> ending) {}

  /** One line of a job's history. */
  public record Event(Instant at, String kind, String message) {
    /** The kind of a line that the job's user should not overlook. */
    public static final String WARNING = "warning";

    /** The kind of a line whose message is the digest of the image that a run uses. */
    public static final String IMAGE = "image";
  }

  /** Returns the digest of the image that the last run uses. It is empty in lists. */
  public Optional<String> imageDigest() {
    return events.stream()
        .filter(event -> event.kind().equals(Event.IMAGE))
        .map(Event::message)
        .reduce((_, later) -> later);
  }

  /** Returns what the job's user should not overlook, oldest first. */
  public List<String> warnings() {
    return events.stream()
        .filter(event -> event.kind().equals(Event.WARNING))
        .map(Event::message)
        .toList();
  }
}
