package io.gpurunner.agent.container.docker;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.github.dockerjava.api.command.InspectContainerResponse;
import com.github.dockerjava.api.command.InspectContainerResponse.ContainerState;
import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.Observation;
import io.gpurunner.agent.container.Observation.Activity;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Reads the engine's answer about a container. Stateless. */
final class ObservedState {
  /** The engine's words for the state of a container (moby, {@code container/state.go}). */
  private enum Status {
    CREATED,
    RUNNING,
    PAUSED,
    RESTARTING,
    REMOVING,
    EXITED,
    DEAD
  }

  /**
   * The engine reads the clock for a start after the program began. If the program ends at once,
   * the reported end may be some milliseconds before the reported start.
   */
  private static final Duration READ_APART = Duration.ofSeconds(1);

  private static final ObjectMapper JSON = new ObjectMapper();

  private final UnaryOperator<Instant> agentTime;

  /**
   * @param agentTime converts a time of the engine to the agent's time
   */
  ObservedState(UnaryOperator<Instant> agentTime) {
    this.agentTime = agentTime;
  }

  /**
   * Reads the part of the engine's answer that is needed, with the library. The rest is left out,
   * because an image's author may have written what the library cannot read.
   *
   * @throws UncheckedIOException if the answer is not about a container
   */
  static InspectContainerResponse read(JsonNode answer) {
    ObjectNode counts = JSON.createObjectNode();
    counts.set("Id", answer.path("Id"));
    counts.set("State", answer.path("State"));
    counts.putObject("Config").set("Labels", answer.path("Config").path("Labels"));
    try {
      return JSON.treeToValue(counts, InspectContainerResponse.class);
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns whether the container was created and never started. */
  static boolean neverRan(InspectContainerResponse answer) {
    return startedAt(answer).isEmpty();
  }

  /** Returns when the container started, by the engine's clock. */
  static Optional<Instant> startedAt(InspectContainerResponse answer) {
    return time(answer.getState().getStartedAt());
  }

  /**
   * Returns when a container that ran ended, by the engine's clock. If the engine does not say, it
   * is the start.
   */
  static Instant end(InspectContainerResponse answer) {
    return time(answer.getState().getFinishedAt()).or(() -> startedAt(answer)).orElseThrow();
  }

  /**
   * Translates the engine's answer.
   *
   * @throws ContainerException FAILED if the answer does not say enough: an unknown status, or an
   *     end without its exit code. A missing part is never guessed, least of all as a success
   */
  Observation of(InspectContainerResponse answer) {
    // Engines report different statuses for a container whose start failed. If there was no start,
    // the container was only created.
    return time(answer.getState().getStartedAt())
        .map(started -> ran(answer, started))
        .orElseGet(() -> new Observation.Created(answer.getId()));
  }

  private Observation ran(InspectContainerResponse answer, Instant started) {
    String id = answer.getId();
    ContainerState state = answer.getState();
    // This is the engine's own start time. The agent's time for it may differ from look to look.
    String run = id + "@" + started;
    return switch (status(id, state.getStatus())) {
      case RUNNING -> new Observation.Running(id, run, agentTime.apply(started), Activity.ACTIVE);
      case PAUSED -> new Observation.Running(id, run, agentTime.apply(started), Activity.PAUSED);
      case RESTARTING ->
          new Observation.Running(id, run, agentTime.apply(started), Activity.RESTARTING);
      case CREATED, REMOVING, EXITED, DEAD ->
          new Observation.Exited(
              id,
              run,
              exitCode(id, state),
              Boolean.TRUE.equals(state.getOOMKilled()),
              agentTime.apply(started),
              agentTime.apply(finished(state, started)),
              Objects.requireNonNullElse(state.getError(), ""));
    };
  }

  /**
   * Returns the end. If it is a little before the start, the start is taken. An end long before the
   * start means that the clock was set, and is kept.
   */
  private static Instant finished(ContainerState state, Instant started) {
    Instant told = time(state.getFinishedAt()).orElse(started);
    return told.isBefore(started) && told.plus(READ_APART).isAfter(started) ? started : told;
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
            + ": the engine reported no known status, but "
            + (word == null ? "none" : "\"" + EngineErrors.bounded(word) + "\""));
  }

  private static int exitCode(String id, ContainerState state) {
    @Nullable Long code = state.getExitCodeLong();
    if (code == null) {
      throw new ContainerException(
          Kind.FAILED,
          "inspecting the container " + id + ": it ended, and the engine reported no exit code");
    }
    return Math.toIntExact(code);
  }

  /** Reads a time of the engine. The engine writes year 1 for "never". */
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
