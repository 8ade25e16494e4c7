package io.gpurunner.agent.simulation;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerOutput;
import io.gpurunner.agent.container.ContainerRef;
import io.gpurunner.agent.container.ContainerRoot;
import io.gpurunner.agent.container.ContainerRuntime;
import io.gpurunner.agent.container.ContainerSpec;
import io.gpurunner.agent.container.EngineProbe;
import io.gpurunner.agent.container.Images;
import io.gpurunner.agent.container.LabelledContainer;
import io.gpurunner.agent.container.Observation;
import io.gpurunner.agent.container.OutputPiece;
import io.gpurunner.agent.container.OutputReading;
import io.gpurunner.agent.container.ProcessKey;
import io.gpurunner.agent.container.RegistryAccess;
import io.gpurunner.agent.container.StopRequest;
import io.gpurunner.agent.log.OutputKeeper;
import io.gpurunner.agent.simulation.JobTruth.Cause;
import io.gpurunner.api.ImageReference;
import io.gpurunner.gpu.GpuUuid;
import io.gpurunner.storage.Cancellation;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

/**
 * The engine as the agent meets it: its calls fail before or after their effect, and some take
 * effect late.
 */
final class SimulatedEngine
    implements ContainerRuntime, Images, ContainerOutput, OutputKeeper, EngineProbe {
  /** The share of failing calls that fail because the engine goes down. */
  private static final int ENDS_PERCENT = 20;

  // How long a call may hang. The values are those of CallLimits of Docker's adapter.
  private static final Duration QUICK = Duration.ofSeconds(30);
  private static final Duration CREATE = Duration.ofMinutes(2);
  private static final Duration START = Duration.ofMinutes(3);
  private static final Duration REMOVE = Duration.ofMinutes(5);
  private static final Duration READ_OUTPUT = Duration.ofMinutes(5);
  private static final Duration PULL_STALL = Duration.ofMinutes(5);

  private static final String DIGEST = "sha256:" + "0".repeat(64);

  private final Simulation simulation;
  private final Machine machine;
  private final Port port;
  private final UnaryOperator<Instant> agentTime;

  /** The last container of the agent's own that was tried could not be started. */
  boolean trialFailed;

  /** The GPUs whose last trial did not start. */
  final Set<GpuUuid> refusedGpus = new HashSet<>();

  SimulatedEngine(Simulation simulation, Port port, UnaryOperator<Instant> agentTime) {
    this.agentTime = agentTime;
    this.simulation = simulation;
    this.machine = simulation.machine;
    this.port = port;
  }

  @Override
  public void create(ContainerSpec spec) {
    effect(
        "create",
        spec.name(),
        CREATE,
        true,
        late -> {
          requireStarts();
          if (!machine.images.contains(spec.image().toString())) {
            blame(spec.name(), Cause.IMAGE);
            throw new ContainerException(Kind.FAILED, "No such image: " + spec.image());
          }
          machine.create(spec, late);
        });
  }

  @Override
  public void start(ContainerRef container) {
    // By its id, as Docker's adapter does. A late start then starts this container or none.
    Optional<Box> meant = find(container);
    effect(
        "start",
        container.name(),
        START,
        true,
        late -> {
          if (!late) {
            awaitTurn();
          }
          startNow(container.name(), meant);
        });
    meant.ifPresent(box -> box.startTold = true);
  }

  /** Waits for the engine, which starts containers one after another. Some starts are slow. */
  private void awaitTurn() {
    long begin = Math.max(simulation.timeline.now(), machine.startsBusyUntil);
    long takes =
        port.fails(simulation.weather.slow) ? simulation.dice.seconds(1, 20) : Timeline.MILLI;
    machine.startsBusyUntil = begin + takes;
    int life = machine.engineLife();
    port.take(machine.startsBusyUntil - simulation.timeline.now());
    if (machine.engineLife() != life) {
      throw new ContainerException(Kind.UNREACHABLE, "the engine went down");
    }
  }

  private void startNow(ContainerName name, Optional<Box> meant) {
    Box box =
        meant
            .filter(machine::has)
            .orElseThrow(() -> new ContainerException(Kind.ABSENT, "No such container: " + name));
    // Docker's adapter looks again, too. A container that another engine created may have run.
    boolean mayHaveRun = simulation.plant.looksBeforeStart() && !machine.madeByThisEngine(box);
    if (!box.isUnstarted() || mayHaveRun) {
      return;
    }
    requireStarts();
    requireReachable(box.gpus());
    if (box.program.refusesToStart()) {
      blame(name, Cause.ENGINE);
      throw new ContainerException(Kind.REFUSED, "the device is not there");
    }
    machine.start(box);
  }

  @Override
  public Optional<Observation> inspect(ContainerRef container) {
    return ask("inspect", container.name(), QUICK, () -> find(container).map(this::observe));
  }

  private Optional<Box> find(ContainerRef container) {
    return container.recordedId().isEmpty()
        ? machine.find(container.name())
        : machine.boxes.values().stream()
            .filter(box -> box.id.equals(container.engineKey()))
            .findFirst();
  }

  private Observation observe(Box box) {
    if (box.isUnstarted()) {
      return machine.madeByThisEngine(box)
          ? new Observation.Created(box.id)
          : new Observation.Doubtful(box.id, false);
    }
    box.startTold = true;
    return switch (box.stage) {
      case CREATED -> throw new AssertionError("it is unstarted");
      case RUNNING ->
          new Observation.Running(
              box.id, box.run(), agentTime.apply(box.startedAt), box.activity());
      case EXITED ->
          new Observation.Exited(
              box.id,
              box.run(),
              box.exitCode,
              box.outOfMemory,
              agentTime.apply(box.startedAt),
              agentTime.apply(box.finishedAt),
              "");
    };
  }

  @Override
  public StopRequest askToStop(ContainerRef container, StopRequest earlier) {
    Optional<ProcessKey> program =
        find(container).map(box -> new ProcessKey(1, box.startedAtMicros));
    if (program.isEmpty()) {
      return earlier;
    }
    if (earlier.reached().contains(program.get())) {
      // Docker's adapter does not call the engine again.
      return earlier.after(earlier.reached());
    }
    if (earlier.forgottenFor().filter(ago -> ranFor(container, ago)).isPresent()) {
      return earlier.after(Set.of(program.get()));
    }
    effect(
        "TERM",
        container.name(),
        QUICK,
        false,
        _ -> find(container).ifPresent(box -> machine.signal(box, false)));
    return earlier.after(Set.of(program.get()), "SIGTERM sent");
  }

  private boolean ranFor(ContainerRef container, Duration time) {
    return find(container)
        .filter(box -> simulation.timeline.now() - box.startedAtMicros > Timeline.micros(time))
        .isPresent();
  }

  @Override
  public void kill(ContainerRef container) {
    effect(
        "KILL",
        container.name(),
        QUICK,
        false,
        _ -> find(container).ifPresent(box -> machine.signal(box, true)));
  }

  @Override
  public void remove(ContainerRef container) {
    effect(
        "remove",
        container.name(),
        REMOVE,
        false,
        _ -> find(container).ifPresent(box -> removeSlowly(container.name(), box)));
  }

  /**
   * Removes a container. Some removals outlast the call. Until such a removal is done, the
   * container is there, and another call does nothing: "already in progress".
   */
  private void removeSlowly(ContainerName name, Box box) {
    if (box.removing) {
      return;
    }
    if (!port.fails(simulation.weather.slow)) {
      machine.remove(box);
      return;
    }
    say("removes " + Machine.nameOf(name) + " slowly");
    box.removing = true;
    int life = machine.engineLife();
    simulation.timeline.once(
        "engine",
        false,
        simulation.dice.seconds(1, 60),
        () -> {
          box.removing = false;
          if (machine.engineLife() == life && machine.has(box)) {
            machine.remove(box);
          }
        });
  }

  /** The kernel does this, not the engine. It is up whenever the agent is. */
  @Override
  public void endProcesses(String containerId) {
    port.between("end processes");
    machine.endProcesses(containerId);
    port.between("processes ended");
  }

  @Override
  public List<LabelledContainer> list() {
    return ask(
        "list",
        Optional.<ContainerName>empty(),
        QUICK,
        () ->
            machine.boxes.entrySet().stream()
                .map(box -> new LabelledContainer(box.getValue().id, box.getKey()))
                .toList());
  }

  @Override
  public void discard(LabelledContainer container) {
    port.between("discard");
    failMaybe("discard", Optional.empty(), REMOVE);
    machine.boxes.values().stream()
        .filter(box -> box.id.equals(container.containerId()))
        .findFirst()
        .ifPresent(machine::discard);
    port.between("discarded");
    failMaybe("discard, though done,", Optional.empty(), REMOVE);
  }

  @Override
  public Found ensurePresent(
      ImageReference reference, RegistryAccess access, Cancellation cancellation) {
    String image = reference.toString();
    port.between("pull");
    requireUp();
    if (machine.images.contains(image)) {
      return new Found(DIGEST, DIGEST, false, Optional.empty());
    }
    access.requireAllowed(reference);
    int pieces = simulation.dice.between(1, 12);
    for (int i = 0; i < pieces; i++) {
      port.take(simulation.dice.seconds(0, 10));
      if (cancellation.isCancelled()) {
        throw new ContainerException(Kind.CANCELLED, "the pull was cancelled");
      }
      requireUp();
    }
    if (port.hangs()) {
      hangPull(cancellation);
    }
    if (port.fails(simulation.weather.images)) {
      Kind kind =
          simulation.dice.pick(List.of(Kind.FAILED, Kind.FAILED, Kind.REFUSED, Kind.UNREACHABLE));
      if (kind != Kind.UNREACHABLE) {
        simulation.blameActing(Cause.IMAGE);
      }
      say("pull fails: " + kind);
      throw new ContainerException(kind, "the registry says no");
    }
    machine.images.add(image);
    port.between("pulled");
    return new Found(DIGEST, DIGEST, false, Optional.empty());
  }

  @Override
  public Optional<String> progress(ImageReference image) {
    return Optional.empty();
  }

  private void hangPull(Cancellation cancellation) {
    say("pull hangs");
    int life = machine.engineLife();
    port.hang(PULL_STALL, () -> cancellation.isCancelled() || machine.engineLife() != life);
    if (cancellation.isCancelled()) {
      throw new ContainerException(Kind.CANCELLED, "the pull was cancelled");
    }
    if (machine.engineLife() != life) {
      throw new ContainerException(Kind.UNREACHABLE, "the engine went down");
    }
    simulation.blameActing(Cause.IMAGE);
    say("pull is given up");
    throw new ContainerException(Kind.FAILED, "no progress");
  }

  @Override
  public void follow(ContainerRef container, Path directory) {}

  @Override
  public void finish(ContainerRef container, Path directory, Duration limit) {
    ask("save output", container.name(), limit, () -> true);
  }

  @Override
  public void abandon(ContainerRef container, Path directory) {}

  @Override
  public OutputReading read(ContainerRef container, Part part, boolean follow) {
    return ask("read output", container.name(), READ_OUTPUT, NoOutput::new);
  }

  /** The output of a container that has printed nothing. */
  private static final class NoOutput implements OutputReading {
    @Override
    public Optional<OutputPiece> next() {
      return Optional.empty();
    }

    @Override
    public boolean hasMore() {
      return false;
    }

    @Override
    public void close() {}
  }

  @Override
  public Optional<byte[]> head(ContainerRef container, String path, int bytesLimit) {
    return ask("read a file", container.name(), QUICK, Optional::empty);
  }

  @Override
  public EngineFacts probe() {
    ask("probe", Optional.<ContainerName>empty(), QUICK, () -> true);
    return new EngineFacts(
        "simulated",
        "engine " + machine.engineLife(),
        GpuAccess.CDI,
        Optional.empty(),
        Optional.empty(),
        Optional.empty());
  }

  @Override
  public void tryGpu(String uuid, OptionalInt minor) {
    ask(
        "trial with " + uuid,
        Optional.<ContainerName>empty(),
        START,
        () -> {
          refusedGpus.add(new GpuUuid(uuid));
          requireStarts();
          requireReachable(List.of(uuid));
          refusedGpus.remove(new GpuUuid(uuid));
          return true;
        });
  }

  @Override
  public List<String> weaknesses() {
    return List.of();
  }

  @Override
  public Optional<ContainerRoot> containerRoot() {
    return Optional.empty();
  }

  /** A container here has what it was given. */
  @Override
  public Set<Integer> missingNodes(String containerId, Set<Integer> minors) {
    return Set.of();
  }

  /** Fails as an engine does whose GPU tools refuse one of the GPUs. */
  private void requireReachable(List<String> uuids) {
    for (Machine.Device device : machine.devices) {
      if (uuids.contains(device.uuid) && device.unreachableUntil > simulation.timeline.now()) {
        throw new ContainerException(
            Kind.GPUS_UNFIT, "nvidia-container-cli: device error: " + device.uuid);
      }
    }
  }

  @Override
  public void tryStart() {
    ask(
        "trial",
        Optional.<ContainerName>empty(),
        START,
        () -> {
          trialFailed = machine.startsNothing;
          requireStarts();
          return true;
        });
  }

  /** Fails as an engine does whose machine can start no container. */
  private void requireStarts() {
    if (machine.startsNothing) {
      throw new ContainerException(Kind.MACHINE_UNFIT, "no space left on device");
    }
  }

  // ---- faults

  private interface Effect {
    /**
     * @param late whether the agent has given the call up
     */
    void make(boolean late);
  }

  private <T> T ask(String what, ContainerName name, Duration limit, Supplier<T> answer) {
    return ask(what, Optional.of(name), limit, answer);
  }

  private <T> T ask(String what, Optional<ContainerName> name, Duration limit, Supplier<T> answer) {
    port.between(what);
    failMaybe(what, name, limit);
    T result = answer.get();
    port.between(what + " answered");
    return result;
  }

  private void effect(
      String what, ContainerName name, Duration limit, boolean mayBeLate, Effect change) {
    port.between(what);
    boolean heard = machine.engineUp;
    int life = machine.engineLife();
    try {
      failMaybe(what, Optional.of(name), limit);
    } catch (ContainerException e) {
      // An engine that answers has done with the call.
      if (mayBeLate
          && e.kind() == Kind.UNREACHABLE
          && heard
          && port.fails(simulation.weather.lateEffects)) {
        simulation.timeline.once(
            "engine", false, simulation.dice.seconds(0, 20), () -> late(what, name, life, change));
      }
      throw e;
    }
    change.make(false);
    port.between(what + " done");
    failMaybe(what + ", though done,", Optional.of(name), limit);
  }

  /** Makes an effect that the agent has given up, if the engine has not gone down since. */
  private void late(String what, ContainerName name, int life, Effect change) {
    if (machine.engineLife() == life) {
      say(what + " of " + Machine.nameOf(name) + " is done late");
      try {
        change.make(true);
      } catch (ContainerException nobodyListens) {
        say(what + " of " + Machine.nameOf(name) + " failed late");
      }
    }
  }

  private void failMaybe(String what, Optional<ContainerName> name, Duration limit) {
    requireUp();
    if (port.hangs()) {
      hang(what, name, limit);
      throw new ContainerException(Kind.UNREACHABLE, what + " took too long");
    }
    if (port.fails(simulation.weather.engine)) {
      Kind kind = simulation.dice.percent(70) ? Kind.UNREACHABLE : Kind.FAILED;
      if (kind == Kind.FAILED) {
        name.ifPresent(known -> blame(known, Cause.ENGINE));
      }
      say(what + " fails: " + kind);
      if (kind == Kind.UNREACHABLE && simulation.dice.percent(ENDS_PERCENT)) {
        machine.restartEngine();
      }
      throw new ContainerException(kind, what + " was made to fail");
    }
  }

  /** Lets the call hang until its time is up, or the engine goes down and cuts the connection. */
  private void hang(String what, Optional<ContainerName> name, Duration limit) {
    say(what + " hangs");
    int life = machine.engineLife();
    Optional<JobTruth> truth = name.map(known -> simulation.truth(known.job()));
    truth.ifPresent(known -> known.hanging++);
    try {
      port.hang(limit, () -> machine.engineLife() != life);
    } finally {
      simulation.invariants.afterTurn(); // so that none of that time counts as the job's
      truth.ifPresent(known -> known.hanging--);
    }
    say(what + " is given up");
  }

  private void requireUp() {
    if (!machine.engineUp) {
      throw new ContainerException(Kind.UNREACHABLE, "the engine is down");
    }
  }

  private void blame(ContainerName name, Cause cause) {
    simulation.truth(name.job()).causes.add(name.attempt(), cause);
  }

  private void say(String what) {
    if (simulation.timeline.isTold()) {
      simulation.timeline.tell("engine", what);
    }
  }
}
