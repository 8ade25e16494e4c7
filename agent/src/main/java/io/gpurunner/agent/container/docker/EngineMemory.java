package io.gpurunner.agent.container.docker;

import com.github.dockerjava.api.model.Event;
import java.time.Instant;
import java.util.Locale;

/**
 * What the engine knows of its own life: its newest events (256 of them, moby's {@code
 * daemon/events}), which it keeps in memory only. Thread-safe.
 */
final class EngineMemory {
  private static final String FIRST_SECOND = "1";

  private final EngineConnection connection;

  EngineMemory(EngineConnection connection) {
    this.connection = connection;
  }

  /**
   * Whether the engine that runs now remembers to have made that container. If not, it is another
   * one, started since; or so much has happened since that it forgot.
   */
  boolean hasMade(String containerId) {
    String what = "asking what is remembered of the container " + containerId;
    Instant now = Instant.now(); // the engine's clock, not the agent's
    try (EngineCall call = connection.open(CallLimits.QUICK)) {
      Making making = new Making();
      call.docker()
          .eventsCmd()
          .withSince(FIRST_SECOND)
          .withUntil(String.format(Locale.ROOT, "%d.%09d", now.getEpochSecond(), now.getNano()))
          .withContainerFilter(containerId)
          .withEventFilter("create")
          .exec(making);
      if (!making.awaitEnd(CallLimits.QUICK.plusSeconds(1))) {
        throw EngineErrors.timedOut(
            connection.host(), what, CallLimits.QUICK, new IllegalStateException("no end"));
      }
      making
          .failure()
          .ifPresent(
              failure -> {
                throw connection.failure(what, call, failure);
              });
      return making.seen;
    }
  }

  private static final class Making extends StreamCallback<Event> {
    private volatile boolean seen;

    @Override
    public void onNext(Event event) {
      seen = true;
    }
  }
}
