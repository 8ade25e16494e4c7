package io.gpurunner.api;

import java.time.Instant;
import java.util.Optional;
import java.util.OptionalInt;

/** Something that happened on this machine. Immutable. */
public sealed interface MachineEvent {
  /**
   * A job came to another state, or its reason changed.
   *
   * @param user the job's owner
   * @param state the exact state's name ({@code QUEUED} … {@code DELETED})
   * @param reason why it failed, or why it does not go on
   */
  record JobChanged(JobId job, String user, String state, Optional<String> reason, Instant at)
      implements MachineEvent {}

  /**
   * Something else can be done with a GPU than before, or it became suspect, or is it no longer.
   *
   * @param index NVML's index; empty for a card that NVML does not list
   * @param state empty if the GPU is no longer there
   * @param reason why no job can get it, and the remedy
   * @param suspicion what was seen on it that needs no action
   */
  record GpuChanged(
      String uuid,
      OptionalInt index,
      Optional<GpuReport.State> state,
      Optional<String> reason,
      Optional<String> suspicion,
      Instant at)
      implements MachineEvent {}
}
