package io.gpurunner.api;

import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * The full view of one job.
 *
 * @param state the exact state's name ({@code QUEUED} … {@code DELETED})
 * @param reason why it failed, or why it waits; empty where there is nothing to explain
 * @param queuePosition 1 for the next to start; only while queued
 * @param gpuUuids the GPUs leased to it now
 * @param events what happened to it, oldest first; empty in lists
 */
public record JobDetail(
    JobId id,
    String user,
    Optional<String> name,
    JobStatus status,
    String state,
    Optional<String> reason,
    Optional<Integer> queuePosition,
    List<String> gpuUuids,
    int gpuNumber,
    String gpuType,
    ImageReference image,
    Instant createdAt,
    Optional<Instant> startedAt,
    Optional<Instant> deadline,
    Optional<Instant> finishedAt,
    List<Event> events) {

  /** One line of a job's history. */
  public record Event(Instant at, String kind, String message) {}
}
