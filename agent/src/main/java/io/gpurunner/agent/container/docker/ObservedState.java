package io.gpurunner.agent.container.docker;

import com.github.dockerjava.api.command.InspectContainerResponse;
import com.github.dockerjava.api.command.InspectContainerResponse.ContainerState;
import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.Observation;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Reads the engine's answer about a container. Pure. */
final class ObservedState {
  /** The engine's words for where a container stands (moby, {@code container/state.go}). */
  private enum Status {
    CREATED,
    RUNNING,
    PAUSED,
    RESTARTING,
    REMOVING,
    EXITED,
    DEAD
  }

  private ObservedState() {}

  /**
   * @throws ContainerException FAILED where the answer does not say enough: an unknown status, an
   *     end without its exit code. Nothing is made up in its place, least of all a success.
   */
  static Observation of(InspectContainerResponse answer) {
    String id = answer.getId();
    ContainerState state = answer.getState();
    Optional<Instant> started = time(state.getStartedAt());
    // Engines differ in what they call one whose start failed; one that never ran was only made.
    if (started.isEmpty()) {
      return new Observation.Created(id);
    }
    return switch (status(id, state.getStatus())) {
      case RUNNING, PAUSED, RESTARTING -> new Observation.Running(id, started.get());
      case CREATED, REMOVING, EXITED, DEAD ->
          new Observation.Exited(
              id,
              exitCode(id, state),
              Boolean.TRUE.equals(state.getOOMKilled()),
              started.get(),
              time(state.getFinishedAt()).orElse(started.get()),
              Objects.requireNonNullElse(state.getError(), ""));
    };
  }

  private static Status status(String id, @Nullable String word) {
    for (Status status : Status.values()) {
      if (status.name().toLowerCase(Locale.ROOT).equals(word)) {
        return status;
      }
    }
    throw new ContainerException(
        Kind.FAILED,
        "inspecting the container "
            + id
            + ": the engine told no status that is known here, but "
            + (word == null ? "none" : "\"" + EngineErrors.bounded(word) + "\""));
  }

  private static int exitCode(String id, ContainerState state) {
    @Nullable Long code = state.getExitCodeLong();
    if (code == null) {
      throw new ContainerException(
          Kind.FAILED,
          "inspecting the container " + id + ": it ended, and the engine told no exit code");
    }
    return Math.toIntExact(code);
  }

  /** The engine writes year 1 for "never". */
  private static Optional<Instant> time(@Nullable String text) {
    if (text == null) {
      return Optional.empty();
    }
    try {
      Instant time = OffsetDateTime.parse(text).toInstant();
      return time.isAfter(Instant.EPOCH) ? Optional.of(time) : Optional.empty();
    } catch (DateTimeParseException e) {
      return Optional.empty();
    }
  }
}
