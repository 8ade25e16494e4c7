package io.gpurunner.agent.run;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.EngineProbe;
import io.gpurunner.gpu.GpuUuid;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps jobs in the queue while this machine can start no container. It closes when the machine
 * prevents a start, and opens when a container of the agent's own has started ({@link
 * EngineProbe#tryStart}). An agent that begins finds it open: the first start tells. Thread-safe.
 */
public final class StartGate implements AutoCloseable {
  /** The pause between two tries. */
  static final Duration PAUSE = Duration.ofSeconds(10);

  private static final Logger log = LoggerFactory.getLogger(StartGate.class);

  /** What a job needs of the machine to start. */
  enum Part {
    /** Every job needs it. */
    ENGINE,
    /** Jobs with GPUs need it, too. */
    GPUS
  }

  /**
   * A start that failed. Each is an object of its own, so that a try that began before it does not
   * answer for it.
   */
  private static final class Doubt {
    final boolean closes;
    final String why;
    final List<GpuUuid> gpus;

    Doubt(boolean closes, String why, List<GpuUuid> gpus) {
      this.closes = closes;
      this.why = why;
      this.gpus = List.copyOf(gpus);
    }
  }

  private final EngineProbe engine;
  private final Map<Part, Doubt> doubts = new ConcurrentHashMap<>();
  private final Rounds rounds = new Rounds("start-gate", this::round);
  private volatile Optional<String> engineDisk = Optional.empty();

  public StartGate(EngineProbe engine) {
    this.engine = engine;
  }

  /** Starts the tries. Called once. */
  public void start() {
    rounds.start();
  }

  /** Closes the gate, until a container of the agent's own has started. */
  void close(Part part, List<GpuUuid> gpus, String why) {
    doubts.put(part, new Doubt(true, why, gpus));
    rounds.ring();
  }

  /** Asks for a try. The gate closes only if the try fails. */
  void doubt(Part part, List<GpuUuid> gpus, String why) {
    doubts.putIfAbsent(part, new Doubt(false, why, gpus));
    rounds.ring();
  }

  /** Notes whether the disk of the engine is full. While it is, the gate is closed. */
  void engineDisk(Optional<String> whyFull) {
    engineDisk = whyFull;
  }

  boolean isEngineDiskFull() {
    return engineDisk.isPresent();
  }

  /** Returns why no job can start that needs this part. It is empty if jobs can start. */
  Optional<String> whyClosed(Part part) {
    Optional<String> why =
        Optional.ofNullable(doubts.get(part)).filter(doubt -> doubt.closes).map(doubt -> doubt.why);
    return part == Part.ENGINE ? engineDisk.or(() -> why) : why;
  }

  /** Tries what is in doubt. Called by the loop, and by the simulation instead of it. */
  Duration round() {
    for (Part part : Part.values()) {
      Doubt doubt = doubts.get(part);
      if (doubt != null) {
        tryStart(part, doubt);
      }
    }
    return PAUSE;
  }

  private void tryStart(Part part, Doubt doubt) {
    try {
      engine.tryStart(
          part == Part.GPUS ? doubt.gpus.stream().map(GpuUuid::value).toList() : List.of());
      if (doubts.remove(part, doubt) && doubt.closes) {
        log.info("a container of the agent's own has started: jobs are placed again");
      }
    } catch (ContainerException e) {
      String why = e.words();
      boolean isNews = !doubt.closes || !doubt.why.equals(why);
      if (doubts.replace(part, doubt, new Doubt(true, why, doubt.gpus)) && isNews) {
        log.warn("no container can be started here, so no job is placed: {}", why);
      }
      if (part == Part.GPUS && e.kind() == ContainerException.Kind.MACHINE_UNFIT) {
        close(Part.ENGINE, List.of(), why); // it is not for the GPUs that no container starts
      }
    }
  }

  @Override
  public void close() {
    rounds.close();
  }
}
