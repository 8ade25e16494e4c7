package io.gpurunner.agent.container.docker;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Knows which process the engine is. An engine knows only what has happened to a container since
 * the engine itself was started (docs/adr/010), so its reports count only for that time. The
 * process that was found is remembered, and later calls only check that it is still there.
 * Thread-safe.
 */
final class EngineIdentity {
  /** The time after which a started engine has looked through all its containers. */
  private static final Duration RESTORE_LIMIT = Duration.ofMinutes(5);

  private static final Logger log = LoggerFactory.getLogger(EngineIdentity.class);

  private final EngineSearch search;
  private final Object finding = new Object();
  private volatile Optional<Known> known = Optional.empty();

  /**
   * The engine that was found last.
   *
   * @param answered the wall clock's time after its first answer to this agent; empty before that
   *     answer
   */
  private record Known(EngineProcess process, String identity, Optional<Instant> answered) {}

  EngineIdentity(EngineConnection connection) {
    this.search = new EngineSearch(connection.host());
  }

  /**
   * Returns the identity of the present engine.
   *
   * @throws ContainerException UNREACHABLE with the reason if the process cannot be found
   */
  String now() {
    return current().identity();
  }

  /**
   * Asks the engine, and notes that it has answered if it is the same engine before and after the
   * question.
   */
  <T> T asking(Supplier<T> question) {
    Optional<Known> before = known;
    T answer = question.get();
    before.ifPresent(this::noteAnswer);
    return answer;
  }

  private void noteAnswer(Known asked) {
    if (!isStillThere(asked)) {
      findAgain();
    } else if (asked.answered().isEmpty()) {
      synchronized (finding) {
        if (known.filter(asked::equals).isPresent()) {
          known =
              Optional.of(new Known(asked.process(), asked.identity(), Optional.of(Instant.now())));
        }
      }
    }
  }

  /**
   * Looks for the engine again, because another one is there. The sooner it is known, the more of
   * its reports count.
   */
  private void findAgain() {
    try {
      current();
    } catch (ContainerException e) {
      log.debug("the engine's process was not found, and is looked for again at the next call", e);
    }
  }

  /**
   * Returns whether exit code 0 or 255 can be believed of a container that another engine created.
   *
   * <p>At its start an engine may find that a container has ended, and that the engine before it
   * had fetched the exit code without writing it down. It then reports 0 or 255, and that the
   * container ended just now. An engine answers no request before it has looked through all
   * containers. So the code can be believed if the container was started after the engine began, or
   * if the reported end was before the engine began, after its first answer, or long after it
   * began.
   *
   * @param started by the engine's clock
   * @param finished by the engine's clock
   * @throws ContainerException UNREACHABLE if the engine's process cannot be found
   */
  boolean heardOfEnd(Instant started, Instant finished) {
    Known engine = current();
    Instant began;
    try {
      began = engine.process().began();
    } catch (IOException e) {
      throw untold(e);
    }
    return began.isBefore(started)
        || finished.isBefore(began)
        || finished.isAfter(began.plus(RESTORE_LIMIT))
        || engine.answered().filter(finished::isAfter).isPresent();
  }

  /**
   * Returns whether the present engine may raise the resource limits of its containers.
   *
   * @throws ContainerException UNREACHABLE if the engine's process cannot be found
   */
  boolean mayRaiseLimits() {
    try {
      return current().process().mayRaiseLimits();
    } catch (IOException e) {
      throw untold(e);
    }
  }

  private Known current() {
    Optional<Known> before = known.filter(this::isStillThere);
    if (before.isPresent()) {
      return before.get();
    }
    synchronized (finding) {
      Optional<Known> other = known.filter(this::isStillThere);
      if (other.isPresent()) {
        return other.get();
      }
      known = Optional.empty();
      EngineProcess process = search.find();
      try {
        Known found = new Known(process, process.identity(), Optional.empty());
        known = Optional.of(found);
        return found;
      } catch (IOException e) {
        throw untold(e);
      }
    }
  }

  private boolean isStillThere(Known engine) {
    return engine.process().isStillThere(search.path());
  }

  private static ContainerException untold(IOException e) {
    return new ContainerException(
        Kind.UNREACHABLE, "the kernel does not say which process the container engine is: " + e, e);
  }
}
