package io.gpurunner.agent.simulation;

import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.agent.ledger.MemoryLedger;
import io.gpurunner.api.JobId;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;

/**
 * One simulation: a storm of faults, then calm, in which everything must come to its end. The same
 * seed gives the same story. One thread.
 */
final class Simulation {
  /** The longest time from the last fault until all is done. */
  private static final long CALM_LIMIT = 3 * 60 * Timeline.MINUTE;

  /** The shortest storm. Less would not be enough for callbacks and retention. */
  private static final long STORM_LEAST = 2 * Timeline.MINUTE;

  private static final long SETTLED_LOOK = 5 * Timeline.SECOND;

  final Dice dice;
  final Story story;
  final Timeline timeline;
  final Weather weather;
  final Machine machine;
  final Volumes volumes = new Volumes();
  final Map<String, Map<String, String>> objects = new TreeMap<>();
  final Invariants invariants;
  final MemoryLedger ledger;
  final ModelFiles models;
  final Plant plant;
  final boolean artifactsHere;
  final Duration pullRetryFor;
  final Duration uploadRetryFor;
  final Duration callbackRetryFor;
  final Duration keepFor;

  /** Whether the simulation ends only after retention has removed the files of all jobs. */
  final boolean waitsForRetention;

  /** When the ledger last failed a commit. */
  long ledgerFaultAt = -1;

  /** Tells of each commit with an unknown outcome whether it is settled. */
  private final List<BooleanSupplier> unsettled = new ArrayList<>();

  private final long seed;
  private final Map<JobId, JobTruth> truths = new LinkedHashMap<>();
  private final List<SimulatedUser> users = new ArrayList<>();
  private Optional<SimulatedAgent> agent = Optional.empty();
  private boolean mustRollBack;
  private boolean calm;
  private long nextLook;
  private boolean settled;

  /**
   * The outcome.
   *
   * @param broken the invariant that was broken first
   * @param story what happened; empty if it was not told
   */
  record Result(
      long seed, Optional<String> broken, String story, String fingerprint, long turns, int jobs) {}

  private Simulation(long seed, boolean told, MemoryLedger ledger, ModelFiles models, Plant plant) {
    this.seed = seed;
    this.ledger = ledger;
    this.models = models;
    this.plant = plant;
    this.dice = new Dice(seed);
    this.story = new Story(told);
    this.invariants = new Invariants(this);
    this.timeline = new Timeline(dice, story, invariants::afterTurn);
    this.weather = new Weather(dice);
    this.machine = new Machine(this, dice.between(1, 3));
    this.artifactsHere = dice.percent(50);
    this.pullRetryFor = Duration.ofMinutes(dice.between(1, 20));
    this.uploadRetryFor = Duration.ofSeconds(dice.between(5, 300));
    this.callbackRetryFor = Duration.ofSeconds(dice.between(30, 400));
    this.waitsForRetention = dice.percent(15);
    this.keepFor = Duration.ofMinutes(dice.between(2, waitsForRetention ? 6 : 20));
  }

  /** Runs one seed. */
  static Result run(long seed, boolean told, MemoryLedger ledger, ModelFiles models, Plant plant) {
    ledger.empty();
    return new Simulation(seed, told, ledger, models, plant).run();
  }

  /** Returns a simulation in which nothing happens by itself. */
  static Simulation calm(MemoryLedger ledger, ModelFiles models) {
    Simulation simulation = new Simulation(0, false, ledger, models, Plant.NONE);
    simulation.calmDown();
    return simulation;
  }

  private Result run() {
    int count = dice.between(1, 2);
    for (int i = 1; i <= count; i++) {
      SimulatedUser user = new SimulatedUser(this, "user" + i);
      timeline.add("user" + i, false, dice.seconds(0, 10), user::turn);
      users.add(user);
    }
    timeline.add("mischief", false, dice.seconds(0, 60), new Mischief(this)::turn);
    if (dice.percent(50)) {
      machine.images.add("busybox");
    }
    startAgent(0);
    go(dice.seconds(30, 600), this::isStormOver);
    calmDown();
    go(timeline.now() + CALM_LIMIT, this::isSettled);
    if (invariants.broken().isEmpty()) {
      if (agent.filter(SimulatedAgent::isWatching).isEmpty()) {
        invariants.require(false, "the agent does not come up");
      }
      agent
          .flatMap(SimulatedAgent::desk)
          .ifPresent(desk -> users.forEach(user -> user.sendAllAgain(desk)));
      invariants.settled();
    }
    return new Result(
        seed,
        invariants.broken(),
        story.text(),
        story.fingerprint(),
        timeline.turns(),
        truths.size());
  }

  private void go(long until, BooleanSupplier over) {
    while (timeline.now() < until && invariants.broken().isEmpty() && !over.getAsBoolean()) {
      try {
        timeline.run(
            until, () -> mustRollBack || invariants.broken().isPresent() || over.getAsBoolean());
      } catch (AgentDied died) {
        // It was unwound. What it had not committed is rolled back below.
      } catch (RuntimeException | AssertionError e) {
        StringWriter trace = new StringWriter();
        e.printStackTrace(new PrintWriter(trace));
        invariants.require(false, "somebody met an unforeseen fault: " + trace);
      }
      if (mustRollBack) {
        ledger.rollback();
        mustRollBack = false;
      }
    }
  }

  /** Returns whether nothing is left that the storm could hit. */
  private boolean isStormOver() {
    return machine.boxes.isEmpty()
        && users.stream().allMatch(SimulatedUser::isDone)
        && timeline.now() > STORM_LEAST;
  }

  // ---- the agent

  Optional<SimulatedAgent> agent() {
    return agent;
  }

  private void startAgent(long delay) {
    timeline.once(
        "start",
        false,
        delay,
        () -> {
          if (agent.isEmpty() && machine.machineUp) {
            SimulatedAgent next = new SimulatedAgent(this);
            agent = Optional.of(next);
            next.start();
          }
        });
  }

  /** The agent has died. Nothing of it is on the stack when the next one starts. */
  void agentDied() {
    agent = Optional.empty();
    mustRollBack = true;
    unsettled.clear();
    truths.values().forEach(truth -> truth.undecided = Optional.empty());
    if (machine.machineUp) {
      startAgent(calm ? Timeline.SECOND : dice.seconds(1, dice.percent(80) ? 10 : 180));
    }
  }

  /** The machine is switched on again. */
  void boot() {
    if (!machine.machineUp) {
      machine.boot();
      timeline.once("world", false, dice.seconds(0, 20), machine::startEngine);
      startAgent(dice.seconds(0, 20));
    }
  }

  // ---- the end

  boolean isCalm() {
    return calm;
  }

  private void calmDown() {
    timeline.tell("world", "from here on nothing fails");
    calm = true;
    weather.calmDown();
    boot();
    machine.startEngine();
    machine.diskFails = false;
    machine.startsNothing = false;
    machine.storeUp = true;
    machine.receiverUp = true;
    machine.images.add("busybox");
    machine.filledBytes = 0;
    machine.devices.forEach(
        device -> {
          device.lost = false;
          device.foreignUntil = 0;
          device.unreachableUntil = 0;
        });
    for (Box box : machine.alive()) {
      box.paused = false;
      machine.endInTime(box);
    }
  }

  private boolean isSettled() {
    if (settled
        || timeline.now() < nextLook
        || !machine.boxes.isEmpty()
        || !machine.strays.isEmpty()) {
      return settled;
    }
    nextLook = timeline.now() + SETTLED_LOOK;
    boolean idle =
        agent
            .filter(SimulatedAgent::isWatching)
            .flatMap(SimulatedAgent::ledger)
            .filter(open -> open.fault().isEmpty())
            .map(JobLedger::live)
            .filter(Collection::isEmpty)
            .isPresent();
    settled =
        idle
            && !hasUnsettled()
            && ledger.callbacks().stream()
                .noneMatch(callback -> callback.status().equals("PENDING"))
            && (!waitsForRetention
                || ledger.all().stream().allMatch(job -> job.files() == JobFiles.SWEPT));
    return settled;
  }

  // ---- the ledger

  /** A commit failed, or its caller was not told the outcome. */
  void ledgerFailed() {
    ledgerFaultAt = timeline.now();
  }

  void toldUnknown(BooleanSupplier isSettled) {
    unsettled.add(isSettled);
  }

  /**
   * Returns whether a commit may still be on its way to the disk although its caller has gone on.
   */
  boolean hasUnsettled() {
    unsettled.removeIf(BooleanSupplier::getAsBoolean);
    return !unsettled.isEmpty();
  }

  // ---- what really happened

  /** Notes that a fault hit the job whose step is being made. */
  void blameActing(JobTruth.Cause cause) {
    agent.flatMap(SimulatedAgent::acting).ifPresent(truth -> truth.causes.add(cause));
  }

  Collection<JobTruth> truths() {
    return truths.values();
  }

  JobTruth truth(JobId id) {
    return truths.computeIfAbsent(
        id,
        fresh -> new JobTruth(fresh, Math.floorMod(fresh.value().hashCode(), ModelFiles.SORTS)));
  }
}
