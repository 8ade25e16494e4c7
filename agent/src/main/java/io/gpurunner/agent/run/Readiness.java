package io.gpurunner.agent.run;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.EngineProbe;
import io.gpurunner.agent.container.EngineProbe.EngineFacts;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.api.Health;
import io.gpurunner.gpu.GpuDevice;
import io.gpurunner.gpu.GpuInventory;
import io.gpurunner.gpu.GpuSnapshot;
import io.gpurunner.storage.ArtifactStore;
import io.gpurunner.storage.DiskWatch;
import io.gpurunner.storage.JobVolumes;
import io.gpurunner.storage.StorageException;
import io.gpurunner.storage.VolumeSettings;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Checks every few seconds each part that the agent needs, and reports which one is not ready.
 * Thread-safe.
 */
public final class Readiness implements Health, AutoCloseable {
  /** The part that only jobs with GPUs need. */
  static final String GPUS = "gpus";

  private static final Duration LOOK_INTERVAL = Duration.ofSeconds(5);

  /**
   * A store that was ready is checked at every fourth look, every 20 s. Each check sends requests,
   * which may cost money.
   */
  private static final int LOOKS_PER_STORE_LOOK = 4;

  /**
   * The programs under the agent are looked at for known flaws at every twelfth look, each minute.
   */
  private static final int LOOKS_PER_FLAW_LOOK = 12;

  private static final Logger log = LoggerFactory.getLogger(Readiness.class);

  private final String engineName;
  private final EngineProbe engine;
  private final ArtifactStore store;
  private final GpuInventory gpus;
  private final JobVolumes volumes;
  private final JobLedger ledger;
  private final StartGate gate;
  private final DiskWatch engineDisk;
  private final List<Supplier<List<String>>> warningsOfOthers = new CopyOnWriteArrayList<>();
  private int looksSinceStore;
  private int looksSinceFlaws = LOOKS_PER_FLAW_LOOK;
  private Optional<String> gpuAdvice = Optional.empty();
  private final Rounds rounds = new Rounds("readiness", this::look);
  private volatile OptionalLong jobsDiskFree = OptionalLong.empty();
  private volatile List<String> weaknesses = List.of();
  private volatile Part enginePart;
  private volatile Part diskPart =
      new Part("disk", false, "the disk was not looked at yet; try again in some seconds");
  private volatile Part storePart =
      new Part("store", false, "the store was not asked yet; try again in some seconds");

  /**
   * @param engineName the engine's name for users; in lower case it is the name of its part
   */
  public Readiness(
      String engineName,
      EngineProbe engine,
      ArtifactStore store,
      GpuInventory gpus,
      JobVolumes volumes,
      JobLedger ledger,
      StartGate gate) {
    this.gate = gate;
    this.engineDisk =
        new DiskWatch(
            "the container engine's images and containers",
            "remove images that no job needs (docker image prune --all), or other files",
            VolumeSettings.DEFAULT_RESERVE_BYTES);
    this.ledger = ledger;
    this.volumes = volumes;
    this.engineName = engineName;
    this.engine = engine;
    this.enginePart =
        enginePart(false, "the container engine was not asked yet; try again in some seconds");
    this.store = store;
    this.gpus = gpus;
  }

  /** Starts the looks. Called once. */
  public void start() {
    rounds.start();
  }

  /**
   * Adds warnings of another part to the report. The agent is ready in spite of them.
   *
   * @param source returns the warnings that count now; never blocks
   */
  public void alsoWarn(Supplier<List<String>> source) {
    warningsOfOthers.add(source);
  }

  @Override
  public Report report() {
    return new Report(
        List.of(unlessClosed(enginePart), storePart, diskPart, ledgerPart(), gpuPart()),
        warnings());
  }

  private List<String> warnings() {
    return Stream.concat(
            weaknesses.stream(), warningsOfOthers.stream().flatMap(source -> source.get().stream()))
        .toList();
  }

  /**
   * Returns the bytes that the last looks found free on each disk: {@code jobs}, which is that of
   * the jobs' directories without the agent's reserve, and {@code engine}, which is that of images
   * and containers. A disk that could not be looked at is absent. Never blocks.
   */
  public Map<String, Long> freeBytes() {
    Map<String, Long> free = new LinkedHashMap<>();
    jobsDiskFree.ifPresent(bytes -> free.put("jobs", bytes));
    engineDisk.freeBytes().ifPresent(bytes -> free.put("engine", bytes));
    return free;
  }

  /** Returns the part as not ready if no container can be started. */
  private Part unlessClosed(Part part) {
    return part.ok()
        ? gate.whyClosed()
            .map(why -> new Part(part.name(), false, "no container can be started: " + why))
            .orElse(part)
        : part;
  }

  private Part gpuPart() {
    GpuSnapshot look = gpus.snapshot();
    return look.fault()
        .or(() -> whyNoneIsFit(look))
        .map(why -> new Part(GPUS, false, why))
        .orElseGet(() -> new Part(GPUS, true, gpus.description()));
  }

  /** Returns why no GPU can be handed out, however many jobs end. It is empty if one can. */
  private Optional<String> whyNoneIsFit(GpuSnapshot look) {
    if (look.devices().isEmpty()) {
      return Optional.empty(); // a machine without GPUs needs no way for them
    }
    if (gate.whyNoGpuAccess().isPresent()) {
      return gate.whyNoGpuAccess();
    }
    Map<String, Long> reasons = new LinkedHashMap<>();
    for (GpuDevice device : look.devices()) {
      Optional<String> why = gate.whyNotHandedOut(device);
      if (why.isEmpty()) {
        return Optional.empty();
      }
      reasons.merge(why.get(), 1L, Long::sum);
    }
    return Optional.of(
        "none of the "
            + look.devices().size()
            + " GPUs can be handed out: "
            + reasons.entrySet().stream()
                .map(reason -> reason.getValue() + ": " + reason.getKey())
                .collect(Collectors.joining("; ")));
  }

  private Part ledgerPart() {
    return ledger
        .fault()
        .map(fault -> new Part("ledger", false, fault))
        .orElseGet(() -> new Part("ledger", true, "what is recorded reaches the disk"));
  }

  /** Looks once at every part. Called by the loop, and by the simulation instead of it. */
  Duration look() {
    if (ledger.fault().isPresent()) {
      ledger.probe(); // jobs are refused, so no commit would show that the ledger works again
    }
    diskPart = reported(diskPart, lookAtDisk());
    enginePart = reported(enginePart, lookAtEngine());
    if (enginePart.ok() && ++looksSinceFlaws >= LOOKS_PER_FLAW_LOOK) {
      looksSinceFlaws = 0;
      lookForFlaws();
    }
    if (!storePart.ok() || ++looksSinceStore >= LOOKS_PER_STORE_LOOK) {
      looksSinceStore = 0;
      storePart = reported(storePart, lookAtStore());
    }
    return LOOK_INTERVAL;
  }

  private Part lookAtEngine() {
    try {
      EngineFacts facts = engine.probe();
      gate.engineDisk(facts.dataRoot().flatMap(engineDisk::whyFull));
      gate.note(facts);
      if (!facts.gpuAdvice().equals(gpuAdvice)) {
        gpuAdvice = facts.gpuAdvice();
        gpuAdvice.ifPresent(log::warn);
      }
      return enginePart(
          true, engineName + " " + facts.version() + ", GPU access " + words(facts.gpuAccess()));
    } catch (ContainerException e) {
      return enginePart(false, String.valueOf(e.getMessage()));
    } catch (RuntimeException e) {
      log.error("unexpected error while checking the container engine", e);
      return enginePart(false, e.toString());
    }
  }

  /** Looks at the programs under the agent, and logs what was not known before. */
  private void lookForFlaws() {
    try {
      List<String> found = engine.weaknesses();
      found.stream().filter(one -> !weaknesses.contains(one)).forEach(log::warn);
      weaknesses = found;
    } catch (ContainerException e) {
      log.debug("the engine was not looked at for known flaws; the next look comes later", e);
    } catch (RuntimeException e) {
      log.error("unexpected error while looking for known flaws", e);
    }
  }

  private Part enginePart(boolean ok, String message) {
    return new Part(engineName.toLowerCase(Locale.ROOT), ok, message);
  }

  /** Returns the mode as the configuration spells it. */
  private static String words(EngineProbe.GpuAccess access) {
    return switch (access) {
      case RUNTIME -> "runtime";
      case CDI -> "cdi";
      case NONE -> "none";
    };
  }

  private Part lookAtDisk() {
    try {
      long free = volumes.freeBytes();
      jobsDiskFree = OptionalLong.of(free);
      return free > 0
          ? new Part("disk", true, "there is room for jobs' directories" + watched())
          : new Part(
              "disk",
              false,
              "the disk of jobs' directories is full, except for the agent's reserve: remove files"
                  + " from the file system of state-dir");
    } catch (StorageException e) {
      jobsDiskFree = OptionalLong.empty();
      return new Part("disk", false, String.valueOf(e.getMessage()));
    }
  }

  /** Returns the words for the administrator if nothing stops a job that fills the disk. */
  private String watched() {
    return volumes
        .whyWatched()
        .map(
            why ->
                "; their sizes are only watched, so a job can fill the disk between two looks: "
                    + why)
        .orElse("");
  }

  private Part lookAtStore() {
    try {
      store.probe();
      return new Part("store", true, store.description());
    } catch (StorageException e) {
      return new Part("store", false, String.valueOf(e.getMessage()));
    } catch (RuntimeException e) {
      log.error("unexpected error while checking the store", e);
      return new Part("store", false, e.toString());
    }
  }

  /** Logs a change once, and not at every look. */
  private static Part reported(Part before, Part now) {
    if (!now.equals(before)) {
      if (now.ok()) {
        log.info("{} is ready: {}", now.name(), now.message());
      } else {
        log.warn("{} is not ready: {}", now.name(), now.message());
      }
    }
    return now;
  }

  @Override
  public void close() {
    rounds.close();
  }
}
