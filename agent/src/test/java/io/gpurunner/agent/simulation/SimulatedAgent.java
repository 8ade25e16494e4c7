package io.gpurunner.agent.simulation;

import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerSpec;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.agent.ledger.MemoryLedger;
import io.gpurunner.agent.ledger.disk.LedgerStore;
import io.gpurunner.agent.run.RunParts;
import io.gpurunner.agent.run.RunSettings;
import io.gpurunner.api.JobId;
import io.gpurunner.api.Jobs;
import io.gpurunner.gpu.GpuUuid;
import io.gpurunner.storage.ArtifactStore;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * One life of the agent, from its start to its death: the production classes, with actors in place
 * of threads. Nothing of it is left when it dies. One thread.
 */
final class SimulatedAgent implements MemoryLedger.Faults {
  /** The longest wait without a look, as in the loop of a job. */
  private static final long WAIT_LIMIT = 30 * Timeline.SECOND;

  /** The pause after an unforeseen fault, as in the loops of rounds. */
  private static final long FAULT_PAUSE = 5 * Timeline.SECOND;

  private final Simulation simulation;
  private final Timeline timeline;
  private final Port port;
  private final Clock clock;
  private final Map<JobId, Actor> loops = new LinkedHashMap<>();

  /** The steps that are being made, the innermost last. */
  private final Deque<Acting> acting = new ArrayDeque<>();

  /**
   * A step that is being made.
   *
   * @param depth the depth of the turn that makes it; deeper turns are made while it waits
   */
  private record Acting(JobTruth job, int depth) {}

  private boolean dead;
  private Optional<Jobs> desk = Optional.empty();
  private Optional<JobLedger> ledger = Optional.empty();
  private Optional<RunParts> parts = Optional.empty();
  private Optional<SimulatedGpus> gpus = Optional.empty();
  private Optional<SimulatedEngine> engine = Optional.empty();
  private Optional<Actor> outboxLoop = Optional.empty();

  SimulatedAgent(Simulation simulation) {
    this.simulation = simulation;
    this.timeline = simulation.timeline;
    this.port = new Port(simulation, this);
    this.clock = Timeline.clock(simulation.machine::agentTime);
  }

  boolean isDead() {
    return dead;
  }

  @Override
  public void requireAlive() {
    if (dead) {
      throw new AgentDied();
    }
  }

  /**
   * Kills the agent. What was in memory is gone, and frames on the stack unwind at their next call.
   */
  void die(String how) {
    if (!dead) {
      dead = true;
      timeline.tell("agent", "dies, " + how);
      timeline.removeAgent();
      simulation.agentDied();
    }
  }

  /** Returns what users can call. It is empty while the agent starts. */
  Optional<Jobs> desk() {
    return desk;
  }

  /** Returns the ledger, once it is open. */
  Optional<JobLedger> ledger() {
    return ledger;
  }

  /** Returns whether the agent would enforce a stop time. */
  boolean isWatching() {
    return parts.isPresent() && !dead;
  }

  /** Opens all parts, in the order in which production opens them. */
  void start() {
    timeline.tell("agent", "starts under " + simulation.machine.bootId());
    simulation.machine.openClock();
    JobLedger opened = simulation.ledger.open(clock, simulation.dice::jobId, this);
    ledger = Optional.of(opened);
    simulation.invariants.opened(opened.live());
    opened.listen(simulation.invariants::heard);
    port.between("start: ledger open");
    SimulatedGpus looks = new SimulatedGpus(simulation, port, clock);
    gpus = Optional.of(looks);
    looks.start();
    RunParts made = parts(opened, looks);
    port.between("start: parts created");
    Actor readiness = rounds("readiness", made::look);
    timeline.ring(readiness);
    desk = Optional.of(simulation.plant.desk(made.desk(), simulation));
    port.between("start: API up");
    opened.listen(this::heardOf);
    opened.live().forEach(this::heardOf);
    parts = Optional.of(made);
    simulation.truths().forEach(truth -> truth.loopBegins(timeline.now()));
    port.between("start: runner up");
    Actor dispatcher = rounds("dispatcher", () -> dispatch(made, opened, looks));
    opened.listen(_ -> timeline.ring(dispatcher));
    Actor outbox = rounds("outbox", made::sendCallbacks);
    outboxLoop = Optional.of(outbox);
    opened.listen(
        job -> {
          if (job.state() instanceof JobState.Final) {
            timeline.ring(outbox);
          }
        });
    rounds("start gate", made::tryStarts);
    rounds("retention", made::sweep);
    rounds("orphans", made::reap);
  }

  private Duration dispatch(RunParts made, JobLedger opened, SimulatedGpus looks) {
    simulation.invariants.queue.deciding(opened, looks.snapshot(), gateOf(made));
    Duration pause = made.dispatch();
    simulation.invariants.queue.decided(gateOf(made));
    return pause;
  }

  private QueueOrder.Gate gateOf(RunParts made) {
    return new QueueOrder.Gate(
        made.isClosed(),
        gpus(made::isClosed),
        gpus(made::isRefused),
        engine.filter(known -> known.trialFailed).isPresent(),
        engine.map(known -> Set.copyOf(known.refusedGpus)).orElse(Set.of()),
        clock.instant());
  }

  private Set<GpuUuid> gpus(Predicate<GpuUuid> chosen) {
    return simulation.machine.devices.stream()
        .map(device -> new GpuUuid(device.uuid))
        .filter(chosen)
        .collect(Collectors.toSet());
  }

  private RunParts parts(JobLedger opened, SimulatedGpus looks) {
    SimulatedEngine made =
        new SimulatedEngine(simulation, port, time -> time.minus(simulation.machine.wallAhead()));
    engine = Optional.of(made);
    ArtifactStore store = simulation.plant.store(new SimulatedStore(simulation, port), simulation);
    RunParts.Machine machine =
        new RunParts.Machine(
            new WatchedEngine(simulation.plant.engine(made, simulation), simulation, this),
            made,
            made,
            made,
            SimulatedAgent::spec,
            simulation.plant.volumes(simulation, port),
            store,
            simulation.plant.gpus(looks),
            simulation.plant.probe(made),
            simulation.plant.sender(new SimulatedReceiver(simulation, port), simulation));
    return new RunParts(
        opened,
        machine,
        new RunParts.Settings(
            new RunSettings(
                Duration.ofSeconds(30),
                simulation.pullRetryFor,
                simulation.uploadRetryFor,
                simulation.plant.bootId(simulation.machine.bootId())),
            simulation.callbackRetryFor,
            simulation.plant.keepFor(simulation.keepFor),
            time -> time.plus(simulation.machine.wallAhead())),
        new RunParts.Threads(
            this::sender,
            this::measurement,
            pause -> port.take(Timeline.micros(pause)),
            this::wake),
        clock,
        Timeline.clock(timeline::wall),
        simulation.dice.generator(),
        new RunParts.Decisions(
            steps -> simulation.plant.steps(steps, simulation, machine),
            queued -> simulation.plant.queue(queued, simulation),
            simulation.invariants.queue::ordered,
            simulation.plant::givingUp));
  }

  private void sender(Runnable send) {
    timeline.once(
        "callback",
        true,
        0,
        () -> {
          send.run();
          outboxLoop.ifPresent(timeline::ring);
        });
  }

  private void measurement(Runnable measure) {
    timeline.once("measurement", true, simulation.dice.micros(0, 2 * Timeline.SECOND), measure);
  }

  private static ContainerSpec spec(Job job, ContainerName name, List<GpuUuid> gpus) {
    return new ContainerSpec(
        name,
        job.request().image(),
        List.of(),
        Map.of(),
        List.of(),
        gpus.isEmpty()
            ? new ContainerSpec.GpuAttachment.None()
            : new ContainerSpec.GpuAttachment.Devices(gpus.stream().map(GpuUuid::value).toList()),
        1 << 26);
  }

  // ---- loops

  private interface Round {
    Duration make();
  }

  private Actor rounds(String name, Round round) {
    return timeline.add(
        name,
        true,
        0,
        () -> {
          try {
            return OptionalLong.of(Timeline.micros(round.make()));
          } catch (RuntimeException e) {
            if (timeline.isTold()) {
              timeline.tell(name, "met " + e.getMessage());
            }
            return OptionalLong.of(FAULT_PAUSE);
          }
        });
  }

  private void heardOf(Job job) {
    if (RunParts.needsLoop(job)) {
      loops.computeIfAbsent(
          job.id(),
          id -> timeline.add("job " + id.value().substring(2, 10), true, 0, () -> turnOf(id)));
    }
    wake(job.id());
  }

  private OptionalLong turnOf(JobId id) {
    if (parts.isEmpty()) {
      return OptionalLong.of(0); // its thread is not started yet
    }
    Optional<Duration> pause = step(parts.get(), simulation.truth(id));
    requireAlive();
    if (pause.isPresent()) {
      long wait = Math.min(Timeline.micros(pause.get()), WAIT_LIMIT);
      simulation.truth(id).wakesAt = timeline.now() + Math.max(0, wait);
      return OptionalLong.of(wait);
    }
    loops.remove(id);
    // The job may have left the queue again since the last look: then the loop goes on.
    ledger.orElseThrow().findLive(id).ifPresent(this::heardOf);
    return OptionalLong.empty();
  }

  private Optional<Duration> step(RunParts running, JobTruth truth) {
    simulation.invariants.stops.wakes(truth);
    truth.turnBegan = timeline.now();
    acting.addLast(new Acting(truth, timeline.depth()));
    try {
      return running.step(truth.id);
    } finally {
      acting.removeLast();
      truth.turnEnded = timeline.now();
    }
  }

  /** Returns the job whose step is being made now. It is empty if the turn is not a job's. */
  Optional<JobTruth> acting() {
    return Optional.ofNullable(acting.peekLast())
        .filter(step -> step.depth() == timeline.depth())
        .map(Acting::job);
  }

  /** Notes that a call met a fault, so that its caller may pause. */
  void metFault() {
    acting().ifPresent(truth -> truth.faultAt = timeline.now());
  }

  /** Returns whether the job's loop waits for a time that has not come. */
  boolean isAsleep(JobId id) {
    Actor loop = loops.get(id);
    return loop != null && !loop.running && loop.nextAt > timeline.now();
  }

  /**
   * Returns whether the job's loop waits, and no look at the GPUs is being made that it waits for.
   */
  boolean isIdle(JobId id) {
    Actor loop = loops.get(id);
    return !(loop != null && loop.running) && !gpus.filter(SimulatedGpus::isLooking).isPresent();
  }

  /** A hint from the engine. */
  void hint(ContainerName name) {
    wake(name.job());
  }

  /** Makes the job's next turn due now. */
  private void wake(JobId id) {
    Actor loop = loops.get(id);
    if (loop != null) {
      timeline.ring(loop);
      JobTruth truth = simulation.truth(id);
      truth.wakesAt = Math.min(truth.wakesAt, timeline.now());
    }
  }

  // ---- the ledger's disk

  @Override
  public void beforeCommit() {
    port.between("commit");
  }

  @Override
  public void whileWaiting() {
    if (simulation.dice.percent(simulation.weather.interleaved)) {
      timeline.interleave(2, this::isDead);
    }
    requireAlive();
  }

  @Override
  public void beforeSync() throws IOException {
    port.between("sync");
    if (simulation.machine.diskFails || port.fails(simulation.weather.ledgerVoid)) {
      timeline.tell("disk", "takes nothing");
      simulation.ledgerFailed();
      throw new IOException("no space left on device");
    }
  }

  @Override
  public void afterSync() throws IOException {
    if (simulation.dice.perTenThousand(simulation.weather.deaths)) {
      die("killed at: synced, nobody answered");
    }
    requireAlive();
    if (port.fails(simulation.weather.ledgerUnknown)) {
      timeline.tell("disk", "took it, and fails");
      simulation.ledgerFailed();
      throw new IOException("the answer was lost");
    }
  }

  @Override
  public LedgerStore store(LedgerStore store) {
    return simulation.plant.ledger(store, simulation);
  }

  @Override
  public boolean syncs() {
    return simulation.plant.syncs(simulation);
  }

  @Override
  public void afterCommit() {
    port.between("committed");
  }

  @Override
  public boolean isLate() {
    return port.fails(simulation.weather.ledgerLate);
  }

  @Override
  public void toldUnknown(BooleanSupplier settled) {
    timeline.tell("disk", "takes longer than a caller waits");
    simulation.ledgerFailed();
    simulation.toldUnknown(settled);
    acting().ifPresent(truth -> truth.undecided = Optional.of(settled));
    ledger.ifPresent(
        open -> timeline.once("ledger", true, simulation.dice.seconds(0, 20), open::probe));
  }

  @Override
  public void beforeRead() {
    requireAlive();
    if (port.fails(simulation.weather.ledgerReads)) {
      timeline.tell("disk", "would not be read");
      metFault();
      throw MemoryLedger.failed("it cannot be read");
    }
  }

  @Override
  public void beforeOpen() {
    requireAlive();
    if (simulation.machine.diskFails && simulation.dice.percent(50)) {
      timeline.tell("disk", "cannot be opened");
      simulation.ledgerFailed();
      throw MemoryLedger.failed("it cannot be opened");
    }
  }
}
