package io.gpurunner.agent.run;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.EngineProbe;
import io.gpurunner.agent.container.EngineProbe.EngineFacts;
import io.gpurunner.agent.container.EngineProbe.GpuAccess;
import io.gpurunner.gpu.DeviceFitness;
import io.gpurunner.gpu.GpuDevice;
import io.gpurunner.gpu.GpuHealth;
import io.gpurunner.gpu.GpuInventory;
import io.gpurunner.gpu.GpuSnapshot;
import io.gpurunner.gpu.GpuUuid;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps jobs in the queue while this machine can start no container, and keeps back each GPU that
 * reaches no container. A part closes when the machine prevents a start, and opens when a container
 * of the agent's own has started ({@link EngineProbe}).
 *
 * <p>An agent that begins takes the engine for sound: the first start tells. A GPU is closed until
 * a container of the agent's own has seen it, with this engine and this driver (docs/adr/020).
 * Thread-safe.
 */
public final class StartGate implements AutoCloseable {
  /** The pause between two tries. */
  static final Duration PAUSE = Duration.ofSeconds(10);

  private static final String UNSEEN =
      "no container has seen it yet with this engine and driver; the agent tries that first";

  private static final Logger log = LoggerFactory.getLogger(StartGate.class);

  /** What a job needs of the machine to start. */
  sealed interface Part {
    /** Every job needs it. */
    record Engine() implements Part {}

    /** A job that gets this GPU needs it, too. */
    record Gpu(GpuUuid uuid) implements Part {}
  }

  static final Part ENGINE = new Part.Engine();

  /**
   * A start that failed. Each is an object of its own, so that a try that began before it does not
   * answer for it.
   */
  private static final class Doubt {
    final boolean closes;
    final String why;

    Doubt(boolean closes, String why) {
      this.closes = closes;
      this.why = why;
    }
  }

  private final EngineProbe engine;
  private final GpuInventory gpus;

  /** Runs the trials of GPUs. Each may hang, and is in no other one's way. */
  private final Executor trials;

  private final Map<Part, Doubt> doubts = new ConcurrentHashMap<>();

  /** The GPUs that a container has seen, each with the circumstances in which that was. */
  private final Map<GpuUuid, String> seen = new ConcurrentHashMap<>();

  private final Rounds rounds = new Rounds("start-gate", this::round);
  private volatile Optional<String> engineDisk = Optional.empty();
  private volatile Optional<String> noGpuAccess = Optional.empty();
  private volatile Way way;

  /** How GPUs reach containers now. */
  private sealed interface Way {
    /** The engine was not asked yet, or no GPU can reach a container. */
    record Unknown() implements Way {}

    /** Containers get no devices, so there is nothing to see. */
    record None() implements Way {}

    /**
     * @param circumstances the engine and its way to GPUs; with the driver, they are those for
     *     which a trial counts
     */
    record Known(String circumstances) implements Way {}
  }

  /**
   * @param trials runs the trials of GPUs, also at the same time
   */
  public StartGate(EngineProbe engine, GpuInventory gpus, Executor trials) {
    this.engine = engine;
    this.gpus = gpus;
    this.trials = trials;
    this.way = gpus.isSimulated() ? new Way.None() : new Way.Unknown();
  }

  /** Starts the tries. Called once. */
  public void start() {
    rounds.start();
  }

  /** Closes a part, until a container of the agent's own has started. */
  void close(Part part, String why) {
    doubts.put(part, new Doubt(true, why));
    rounds.ring();
  }

  /** Asks for a try. The part closes only if the try fails. */
  void doubt(Part part, String why) {
    doubts.putIfAbsent(part, new Doubt(false, why));
    rounds.ring();
  }

  /**
   * Closes GPUs that did not reach a container. The others are tried, because the same may hold for
   * them.
   */
  void closeGpus(List<GpuUuid> refused, String why) {
    refused.forEach(uuid -> close(new Part.Gpu(uuid), why));
    sound(gpus.snapshot()).forEach(uuid -> doubt(new Part.Gpu(uuid), why));
  }

  /** Notes whether the disk of the engine is full. While it is, no job can start. */
  void engineDisk(Optional<String> whyFull) {
    engineDisk = whyFull;
  }

  boolean isEngineDiskFull() {
    return engineDisk.isPresent();
  }

  /** Notes how GPUs reach containers now. */
  void note(EngineFacts facts) {
    noGpuAccess = facts.gpuFault();
    Way before = way;
    way = wayOf(facts);
    forget(gpus.snapshot());
    if (!way.equals(before)) {
      rounds.ring();
    }
  }

  private Way wayOf(EngineFacts facts) {
    if (facts.gpuFault().isPresent()) {
      return new Way.Unknown();
    }
    return facts.gpuAccess() == GpuAccess.NONE || gpus.isSimulated()
        ? new Way.None()
        : new Way.Known(facts.gpuAccess() + ", " + facts.gpuCircumstances());
  }

  /**
   * Returns the circumstances in which a container would see a GPU now. They include since when the
   * GPU is sound, because it may have been away and come back between two looks of this class.
   */
  private String circumstances(Way.Known known, GpuDevice device) {
    return String.join(
        ", ",
        known.circumstances(),
        gpus.description(),
        device.minor().toString(),
        device.soundSince().toString(),
        device.health().trustedAfter().toString());
  }

  /**
   * Forgets what was seen of GPUs that have a fault now. One that comes back is tried again, and so
   * are all when the driver failed as a whole.
   */
  private void forget(GpuSnapshot look) {
    seen.keySet().retainAll(look.fault().isPresent() ? Set.<GpuUuid>of() : sound(look));
  }

  /** Returns why no job can start. It is empty if jobs can start. */
  Optional<String> whyClosed() {
    return engineDisk.or(() -> whyDoubted(ENGINE));
  }

  /** Returns why no GPU at all can reach a container. It is empty if one may. */
  Optional<String> whyNoGpuAccess() {
    return noGpuAccess;
  }

  /** Returns why no job can start that needs this GPU, apart from what keeps back all jobs. */
  Optional<String> whyClosed(GpuUuid uuid) {
    return whyRefused(uuid).or(() -> whyUnseen(uuid));
  }

  /** Returns the same, for a GPU that the caller has just seen. */
  Optional<String> whyClosed(GpuDevice device) {
    return whyRefused(device.uuid()).or(() -> whyUnseen(device));
  }

  /** Returns why no job gets this GPU, leases and processes apart. It is empty if one may. */
  Optional<String> whyNotHandedOut(GpuDevice device) {
    return DeviceFitness.whyUnusable(device).or(() -> whyClosed(device));
  }

  /** Returns why a container did not get this GPU. It is empty if one did, or none was tried. */
  Optional<String> whyRefused(GpuUuid uuid) {
    return noGpuAccess.or(() -> whyDoubted(new Part.Gpu(uuid)));
  }

  private Optional<String> whyDoubted(Part part) {
    return Optional.ofNullable(doubts.get(part))
        .filter(doubt -> doubt.closes)
        .map(doubt -> doubt.why);
  }

  private Optional<String> whyUnseen(GpuUuid uuid) {
    if (way instanceof Way.None) {
      return Optional.empty();
    }
    return gpus.snapshot().devices().stream()
        .filter(device -> device.uuid().equals(uuid))
        .findFirst()
        .map(this::whyUnseen)
        .orElse(Optional.of(UNSEEN));
  }

  /** Returns why no container has seen this GPU yet. It is empty if one has. */
  Optional<String> whyUnseen(GpuDevice device) {
    boolean isSeen =
        switch (way) {
          case Way.None _ -> true;
          case Way.Unknown _ -> false;
          case Way.Known known -> circumstances(known, device).equals(seen.get(device.uuid()));
        };
    return isSeen ? Optional.empty() : Optional.of(UNSEEN);
  }

  /**
   * Looks whether a container that was started has the device nodes of its GPUs. A GPU that did not
   * reach it is closed.
   *
   * @param containerId the engine's full id
   * @return what it lacks; empty if nothing
   * @throws ContainerException if that cannot be known now
   */
  Optional<String> whyWithout(String containerId, List<GpuUuid> leased) {
    if (way instanceof Way.None) {
      return Optional.empty();
    }
    GpuSnapshot look = gpus.snapshot();
    if (look.fault().isPresent() || way instanceof Way.Unknown) {
      throw new ContainerException(ContainerException.Kind.FAILED, "the GPUs are not known now");
    }
    Map<Integer, GpuDevice> byMinor =
        look.devices().stream()
            .filter(device -> leased.contains(device.uuid()) && device.minor().isPresent())
            .collect(Collectors.toMap(device -> device.minor().getAsInt(), device -> device));
    byMinor.keySet().retainAll(engine.missingNodes(containerId, Set.copyOf(byMinor.keySet())));
    List<GpuDevice> missing = List.copyOf(byMinor.values());
    if (missing.isEmpty()) {
      return Optional.empty();
    }
    String why =
        "the container was started without "
            + missing.stream().map(DeviceFitness::name).collect(Collectors.joining(", "))
            + ": its device node is not in it";
    closeGpus(missing.stream().map(GpuDevice::uuid).toList(), why);
    return Optional.of(why);
  }

  /** Tries what is in doubt. Called by the loop, and by the simulation instead of it. */
  Duration round() {
    Optional.ofNullable(doubts.get(ENGINE)).ifPresent(this::tryEngine);
    if (whyClosed().isEmpty()) {
      tryGpus();
    }
    return PAUSE;
  }

  private void tryEngine(Doubt doubt) {
    try {
      engine.tryStart();
      if (doubts.remove(ENGINE, doubt) && doubt.closes) {
        log.info("a container of the agent's own has started: jobs are placed again");
      }
    } catch (ContainerException e) {
      String why = e.words();
      if (stays(ENGINE, doubt, why)) {
        log.warn("no container can be started here, so no job is placed: {}", why);
      }
    }
  }

  private void tryGpus() {
    GpuSnapshot look = gpus.snapshot();
    forget(look);
    if (look.fault().isPresent() || way instanceof Way.Unknown) {
      return; // nothing is known of any device, or of any way to it, and none is handed out
    }
    Way tried = way;
    CompletableFuture<?>[] all =
        look.devices().stream()
            .filter(device -> isSound(device) && isToBeTried(device))
            .map(
                device -> CompletableFuture.runAsync(() -> tryUnlessDoubted(device, tried), trials))
            .toArray(CompletableFuture[]::new);
    CompletableFuture.allOf(all).join();
  }

  private void tryUnlessDoubted(GpuDevice device, Way tried) {
    if (!doubts.containsKey(ENGINE)) { // otherwise all jobs wait, and another round follows
      tryGpu(device, tried);
    }
  }

  private boolean isToBeTried(GpuDevice device) {
    return doubts.containsKey(new Part.Gpu(device.uuid())) || whyClosed(device).isPresent();
  }

  private static Set<GpuUuid> sound(GpuSnapshot look) {
    return look.devices().stream()
        .filter(StartGate::isSound)
        .map(GpuDevice::uuid)
        .collect(Collectors.toSet());
  }

  /** A quarantined GPU is not tried. One that recovers is, before it is handed out. */
  private static boolean isSound(GpuDevice device) {
    return device.isSound() && device.health().state() != GpuHealth.State.QUARANTINED;
  }

  private void tryGpu(GpuDevice device, Way tried) {
    Part part = new Part.Gpu(device.uuid());
    Doubt doubt = doubts.computeIfAbsent(part, _ -> new Doubt(false, ""));
    Optional<String> circumstances =
        tried instanceof Way.Known known
            ? Optional.of(circumstances(known, device))
            : Optional.empty();
    try {
      engine.tryGpu(device.uuid().value(), device.minor());
      circumstances.ifPresent(known -> seen.put(device.uuid(), known));
      if (doubts.remove(part, doubt) && doubt.closes) {
        log.info("a container has seen GPU {}: it is handed out again", device.uuid());
      }
    } catch (ContainerException e) {
      String why = e.words();
      if (stays(part, doubt, why)) {
        log.warn("GPU {} reaches no container, so it is not handed out: {}", device.uuid(), why);
      }
      if (e.kind() == ContainerException.Kind.MACHINE_UNFIT) {
        // Perhaps it is not for the GPU that no container starts.
        tryEngine(doubts.computeIfAbsent(ENGINE, _ -> new Doubt(false, why)));
      }
    }
  }

  /** Closes a part whose try failed. Returns whether that is news. */
  private boolean stays(Part part, Doubt doubt, String why) {
    boolean isNews = !doubt.closes || !doubt.why.equals(why);
    return doubts.replace(part, doubt, new Doubt(true, why)) && isNews;
  }

  @Override
  public void close() {
    rounds.close();
  }
}
