package io.gpurunner.agent.container.docker;

import com.github.dockerjava.api.model.Event;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;

/**
 * What the engine knows of its own life: its newest events (256 of them, moby's {@code
 * daemon/events}), which it keeps in memory only. Thread-safe.
 */
final class EngineMemory {
  private static final String FIRST_SECOND = "1";

  /** An engine has looked through all its containers so long after it began. */
  private static final Duration START_LIMIT = Duration.ofMinutes(5);

  private final EngineConnection connection;

  EngineMemory(EngineConnection connection) {
    this.connection = connection;
  }

  /**
   * Whether the engine that runs now remembers to have made that container. If not, it is another
   * one, started since; or so much has happened since that it forgot.
   */
  boolean hasMade(String containerId) {
    return remembers(containerId, "create");
  }

  /**
   * Whether exit code 0, or 255, is to be believed. An engine that finds at its start that a
   * container has ended whose exit code its predecessor had fetched, but not written down, says 0,
   * or 255, and that it ended just now (docs/adr/010). Where it heard of the end itself, or the end
   * was before it began, or long after, it knows.
   *
   * @param started by the engine's clock
   * @param finished by the engine's clock
   */
  boolean vouchesForEnd(String containerId, Instant started, Instant finished) {
    if (remembers(containerId, "die")) {
      return true;
    }
    return EngineProcess.startedAt(connection.host())
        .filter(
            begun ->
                begun.isBefore(started)
                    || finished.isBefore(begun)
                    || finished.isAfter(begun.plus(START_LIMIT)))
        .isPresent();
  }

  private boolean remembers(String containerId, String event) {
    String what = "asking what is remembered of the container " + containerId;
    Instant now = Instant.now(); // the engine's clock, not the agent's
    try (EngineCall call = connection.open(CallLimits.QUICK)) {
      Events events = new Events();
      call.docker()
          .eventsCmd()
          .withSince(FIRST_SECOND)
          .withUntil(String.format(Locale.ROOT, "%d.%09d", now.getEpochSecond(), now.getNano()))
          .withContainerFilter(containerId)
          .withEventFilter(event)
          .exec(events);
      if (!events.awaitEnd(CallLimits.QUICK.plusSeconds(1))) {
        throw EngineErrors.timedOut(
            connection.host(), what, CallLimits.QUICK, new IllegalStateException("no end"));
      }
      events
          .failure()
          .ifPresent(
              failure -> {
                throw connection.failure(what, call, failure);
              });
      return events.seen;
    }
  }

  private static final class Events extends StreamCallback<Event> {
    private volatile boolean seen;

    @Override
    public void onNext(Event event) {
      seen = true;
    }
  }
}
