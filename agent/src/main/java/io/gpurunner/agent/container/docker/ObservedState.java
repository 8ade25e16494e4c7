package io.gpurunner.agent.container.docker;

import com.github.dockerjava.api.command.InspectContainerResponse;
import com.github.dockerjava.api.command.InspectContainerResponse.ContainerState;
import io.gpurunner.agent.container.Observation;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Reads the engine's answer about a container. Pure. */
final class ObservedState {
  private ObservedState() {}

  static Observation of(InspectContainerResponse answer) {
    String id = answer.getId();
    ContainerState state = answer.getState();
    Optional<Instant> started = time(state.getStartedAt());
    // Engines differ in what they call one whose start failed; one that never ran was only made.
    if (started.isEmpty()) {
      return new Observation.Created(id);
    }
    return switch (Objects.requireNonNullElse(state.getStatus(), "")) {
      case "running", "paused", "restarting" -> new Observation.Running(id, started.get());
      default ->
          new Observation.Exited(
              id,
              state.getExitCodeLong() == null ? 0 : state.getExitCodeLong().intValue(),
              Boolean.TRUE.equals(state.getOOMKilled()),
              started.get(),
              time(state.getFinishedAt()).orElse(started.get()),
              Objects.requireNonNullElse(state.getError(), ""));
    };
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
