package io.gpurunner.agent.container.docker;

import com.github.dockerjava.api.model.Event;
import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.EngineEvents;
import io.gpurunner.agent.os.Backoff;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Follows the engine's event stream. The listener is called on a daemon thread of this class, never
 * on a thread of the library, because the library interrupts its threads.
 */
final class DockerEvents implements EngineEvents {
  private static final Logger LOG = LoggerFactory.getLogger(DockerEvents.class);

  private static final Duration FIRST_PAUSE = Duration.ofMillis(500);
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(30);
  private static final Backoff PAUSES = new Backoff(FIRST_PAUSE, LONGEST_PAUSE);

  /**
   * The age at which an event stream is closed and opened again. This ends a connection that broke
   * without a notice.
   */
  private static final Duration STREAM_AGE = Duration.ofHours(1);

  /**
   * The largest number of hints that wait for the listener. More are dropped, since they are only
   * hints.
   */
  private static final int WAITING_LIMIT = 4096;

  private static final Duration LOOK_INTERVAL = Duration.ofMillis(200);

  private final EngineConnection connection;
  private final DockerContainers containers;
  private final OurLabels labels;
  private final Object state = new Object();
  private @Nullable Thread follower;
  private volatile boolean closed;

  DockerEvents(EngineConnection connection, DockerContainers containers, OurLabels labels) {
    this.connection = connection;
    this.containers = containers;
    this.labels = labels;
  }

  /**
   * @throws IllegalStateException if there is a listener already
   */
  @Override
  public void listen(Consumer<ContainerName> changed) {
    synchronized (state) {
      if (follower != null) {
        throw new IllegalStateException("the engine's events have a listener already");
      }
      follower =
          Thread.ofPlatform()
              .daemon()
              .name("docker-events")
              .start(() -> followUntilClosed(changed));
    }
  }

  private void followUntilClosed(Consumer<ContainerName> changed) {
    int shortStreams = 0; // in a row
    while (!closed) {
      Duration lasted = follow(changed);
      shortStreams = lasted.compareTo(LONGEST_PAUSE) > 0 ? 0 : shortStreams + 1;
      pause(PAUSES.after(shortStreams + 1));
    }
  }

  private void pause(Duration length) {
    synchronized (state) {
      long end = System.nanoTime() + length.toNanos();
      long left = length.toNanos();
      while (!closed && left > 0) {
        try {
          TimeUnit.NANOSECONDS.timedWait(state, left);
        } catch (InterruptedException e) {
          // Nobody interrupts this thread. If it happens, the pause is only shorter.
          return;
        }
        left = end - System.nanoTime();
      }
    }
  }

  /** Follows one stream to its end. Returns how long it lasted. */
  private Duration follow(Consumer<ContainerName> changed) {
    long begin = System.nanoTime();
    // The stream opens a little later, on the library's thread. The engine then also reports what
    // has happened since this time.
    String since = Long.toString(System.currentTimeMillis() / 1000 - 1);
    Hints hints = new Hints();
    try (EngineCall call = connection.open(STREAM_AGE)) {
      call.docker()
          .eventsCmd()
          .withSince(since)
          .withEventTypeFilter("container")
          .withLabelFilter(labels.filter())
          .withEventFilter("start", "die", "oom", "destroy")
          .exec(hints);
      // What happened while there was no stream was not reported, so every container may have
      // changed.
      containers.list().stream()
          .flatMap(container -> container.name().stream())
          .forEach(name -> tell(changed, name));
      while (!closed) {
        boolean ended = hints.awaitEnd(Duration.ZERO);
        hints.next(LOOK_INTERVAL).ifPresent(name -> tell(changed, name));
        if (ended && hints.isEmpty()) {
          break;
        }
      }
    } catch (ContainerException | IllegalStateException e) {
      LOG.debug("the engine's event stream ended", e);
    }
    return Duration.ofNanos(System.nanoTime() - begin);
  }

  /** Calls the listener. If it fails, other events still reach it. */
  private static void tell(Consumer<ContainerName> changed, ContainerName name) {
    try {
      changed.accept(name);
    } catch (RuntimeException e) {
      LOG.error("the listener failed on a hint about {}", name, e);
    }
  }

  @Override
  public void close() {
    synchronized (state) {
      closed = true;
      state.notifyAll();
    }
  }

  /** The hints that wait for the listener. */
  private static final class Hints extends StreamCallback<Event> {
    private final BlockingQueue<ContainerName> waiting = new ArrayBlockingQueue<>(WAITING_LIMIT);

    @Override
    public void onNext(Event event) {
      if (event.getActor() == null || event.getActor().getAttributes() == null) {
        return;
      }
      Optional.ofNullable(event.getActor().getAttributes().get("name"))
          .flatMap(ContainerName::parse)
          .ifPresent(waiting::offer);
    }

    Optional<ContainerName> next(Duration wait) {
      try {
        return Optional.ofNullable(waiting.poll(wait.toNanos(), TimeUnit.NANOSECONDS));
      } catch (InterruptedException e) {
        throw new IllegalStateException("interrupted while waiting for events", e);
      }
    }

    boolean isEmpty() {
      return waiting.isEmpty();
    }
  }
}
