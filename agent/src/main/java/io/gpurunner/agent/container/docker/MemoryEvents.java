package io.gpurunner.agent.container.docker;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.InputStream;
import java.net.URLEncoder;
import java.time.Duration;
import java.time.Instant;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks the engine's events whether the kernel killed a container because memory ran out. The engine
 * hears of the kill and of the container's end from two senders. If the end is first, its answer
 * about the container never shows the kill (containerd, issue 12372), but its events do. With
 * Docker 20.10 and five such ends at once, that was one in nine. Thread-safe.
 */
final class MemoryEvents {
  /** The kernel may kill another process first, and the container ends a little later. */
  private static final Duration BEFORE_END = Duration.ofSeconds(10);

  /** The time in which the engine hears of the kill. */
  private static final Duration AFTER_END = Duration.ofSeconds(1);

  /** The time for the whole question. It ends with {@link #AFTER_END}, if clocks are not set. */
  private static final Duration LIMIT = Duration.ofSeconds(5);

  private static final Logger log = LoggerFactory.getLogger(MemoryEvents.class);

  private final EngineConnection connection;

  MemoryEvents(EngineConnection connection) {
    this.connection = connection;
  }

  /**
   * Returns whether there is such an event. It waits until the event could no longer come, and is
   * false if the engine does not say.
   *
   * @param end when the container ended, by the engine's clock
   */
  boolean tellOfKill(String containerId, Instant end) {
    String filters =
        "{\"type\":[\"container\"],\"event\":[\"oom\"],\"container\":[\"" + containerId + "\"]}";
    String path =
        "/events?since=%s&until=%s&filters=%s"
            .formatted(
                seconds(end.minus(BEFORE_END)),
                seconds(end.plus(AFTER_END)),
                URLEncoder.encode(filters, UTF_8));
    try (EngineCall call = connection.open(LIMIT);
        InputStream events = call.stream(path).orElseThrow()) {
      return events.read() >= 0; // the filter lets no other event through
    } catch (IOException | RuntimeException e) {
      log.warn(
          "whether memory ran out in the container {} is not known, the engine does not say: {}",
          containerId,
          e.toString());
      return false;
    }
  }

  private static String seconds(Instant time) {
    return "%d.%09d".formatted(time.getEpochSecond(), time.getNano());
  }
}
