package io.gpurunner.agent.simulation;

import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerSpec;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.log.RunLogs;
import io.gpurunner.agent.simulation.JobTruth.Cause;
import io.gpurunner.api.JobId;
import io.gpurunner.gpu.GpuUuid;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * The machine as it really is: its boot, its engine, the containers and the devices they use. The
 * agent learns of it only through ports, which may lie. One thread.
 */
final class Machine {
  /** At a power cut the engine may forget containers that it created within this time before. */
  private static final long UNSYNCED = 5 * Timeline.SECOND;

  /** The longest time that the engine takes to record a start. */
  private static final long UNRECORDED = Timeline.SECOND;

  /** The unit in which jobs ask for volumes. */
  static final long MEGABYTE = 1_000_000;

  private static final long LARGE_DISK = 1L << 40;

  /** The bytes that a job has written into its directories. */
  private static final long WRITTEN_BYTES = 5 * MEGABYTE;

  /** The longest pause before a container restarts by itself. */
  private static final long LONGEST_RESTART = 10 * Timeline.SECOND;

  private final Simulation simulation;
  private final Dice dice;
  private final Timeline timeline;
  final Map<String, Box> boxes = new TreeMap<>();

  /** Removed containers whose programs run on, because the engine did not know that they ran. */
  final List<Box> strays = new ArrayList<>();

  final List<Device> devices = new ArrayList<>();
  final Set<String> images = new HashSet<>();
  private final Map<JobId, Box.Program> programs = new HashMap<>();
  private int boots = 1;
  private int made;
  private int engineLives = 1;
  boolean engineUp = true;

  /**
   * The time until which the engine is busy with starts: it starts containers one after another.
   */
  long startsBusyUntil;

  boolean machineUp = true;

  /** The time until which the driver lets no look at the devices return. */
  long looksHangUntil;

  /** Writes to the file system of the ledger fail. */
  boolean diskFails;

  /** No container can be started, whatever is asked. */
  boolean startsNothing;

  boolean storeUp = true;
  boolean receiverUp = true;

  /** The size of the disk of jobs' directories, and what others wrote to it. */
  final long diskBytes;

  long filledBytes;

  /** A GPU. */
  static final class Device {
    final String uuid;
    final int ordinal;
    final String product;
    boolean lost;

    /** The time until which no container with this device can be started. */
    long unreachableUntil;

    /** The time until which processes that outlive their container are on the device. */
    long occupiedUntil;

    /** The time until which a process of no job is on the device. */
    long foreignUntil;

    Device(String uuid, int ordinal, String product) {
      this.uuid = uuid;
      this.ordinal = ordinal;
      this.product = product;
    }
  }

  Machine(Simulation simulation, int gpuCount) {
    this.simulation = simulation;
    this.dice = simulation.dice;
    this.timeline = simulation.timeline;
    for (int i = 0; i < gpuCount; i++) {
      boolean other = i > 0 && dice.percent(20);
      devices.add(
          new Device(
              "GPU-0000000" + i, i, other ? SimulatedGpus.OTHER_PRODUCT : SimulatedGpus.PRODUCT));
    }
    this.diskBytes = dice.percent(30) ? smallDisk() : LARGE_DISK;
  }

  /**
   * The beginning of the agent's clock under this boot: the time that it showed, and when that was.
   */
  Instant clockBegan = Instant.EPOCH;

  long clockBeganAt;
  int clockOfBoot;

  /** Returns whether a time of the agent's clock is of the present boot. */
  boolean isOfThisBoot(Instant agentTime) {
    return !agentTime.isBefore(clockBegan);
  }

  /**
   * Opens the agent's clock. It works like SteadyClock: the wall clock's time at the first start
   * under this boot, plus what has passed since.
   */
  void openClock() {
    if (clockOfBoot != boots) {
      clockOfBoot = boots;
      clockBegan = timeline.wall();
      clockBeganAt = timeline.now();
    }
  }

  Instant agentTime() {
    return clockBegan.plus(timeline.now() - clockBeganAt, ChronoUnit.MICROS);
  }

  /** Converts a time of the agent's clock under this boot to microseconds of the timeline. */
  long microsAt(Instant agentTime) {
    return clockBeganAt + ChronoUnit.MICROS.between(clockBegan, agentTime);
  }

  /** Any one job fits on it, with its log, also when the files of all others are still there. */
  private long smallDisk() {
    return dice.between(450, 1_500) * MEGABYTE + RunLogs.MOST_BYTES_OF_A_RUN;
  }

  /** Returns the bytes that are left for jobs and their artifacts. */
  long freeBytes() {
    return diskBytes - filledBytes - simulation.volumes.directories().size() * WRITTEN_BYTES;
  }

  /** Returns how far the wall clock is ahead, to the nearest whole second, as SteadyClock does. */
  Duration wallAhead() {
    Duration ahead = Duration.between(agentTime(), timeline.wall());
    return Duration.ofSeconds(ahead.plusMillis(500).toSeconds());
  }

  String bootId() {
    return "boot-" + boots;
  }

  /** Returns the containers that run, whether the engine knows of them or not. */
  List<Box> alive() {
    return Stream.concat(boxes.values().stream(), strays.stream()).filter(Box::isAlive).toList();
  }

  boolean isUsed(Device device) {
    if (device.occupiedUntil > timeline.now() || device.foreignUntil > timeline.now()) {
      return true;
    }
    for (Box box : alive()) {
      if (box.gpus().contains(device.uuid)) {
        return true;
      }
    }
    return false;
  }

  /** Returns whether anything of the job runs, whether the engine knows of it or not. */
  boolean runs(JobId job) {
    return alive().stream().anyMatch(box -> box.name.job().equals(job));
  }

  /** Returns whether the engine has a container of the job that the agent can find. */
  boolean hasContainer(JobId job) {
    return boxes.values().stream().anyMatch(box -> !box.foreign && box.name.job().equals(job));
  }

  /** Returns whether a look at these devices would return, and show no process on them. */
  boolean isSeenFree(List<GpuUuid> gpus) {
    return looksHangUntil <= timeline.now()
        && devices.stream()
            .filter(device -> gpus.contains(new GpuUuid(device.uuid)))
            .noneMatch(this::isUsed);
  }

  // ---- what the engine does

  void create(ContainerSpec spec, boolean late) {
    if (boxes.containsKey(spec.name().toString())) {
      return;
    }
    made++;
    Box box =
        new Box(
            spec.name(),
            spec,
            programs.getOrDefault(spec.name().job(), program()),
            "c" + made,
            timeline.now(),
            engineLives);
    boxes.put(spec.name().toString(), box);
    say("created " + nameOf(spec.name()));
    simulation.invariants.created(box, late);
  }

  /** Sets the program that containers of this job run. */
  void runs(JobId job, Box.Program program) {
    programs.put(job, program);
  }

  private Box.Program program() {
    boolean calm = simulation.isCalm();
    boolean endless = !calm && dice.percent(15);
    boolean overruns = dice.percent(3);
    int exitCode = dice.percent(75) ? 0 : dice.pick(List.of(1, 2, 127, 137));
    boolean outOfMemory = exitCode == 137 && dice.percent(50);
    return new Box.Program(
        endless
            ? Long.MAX_VALUE
            : dice.percent(20) ? dice.micros(0, Timeline.SECOND) : dice.seconds(1, 150),
        exitCode,
        outOfMemory,
        dice.percent(3),
        dice.percent(20) ? -1 : dice.percent(50) ? 0 : dice.seconds(0, 40),
        dice.percent(30) ? 0 : 143,
        overruns);
  }

  void start(Box box) {
    JobTruth truth = simulation.truth(box.name.job());
    box.begin(timeline.now(), timeline.wall());
    endInTime(box);
    if (devices.stream().anyMatch(device -> device.lost && box.gpus().contains(device.uuid))) {
      truth.causes.add(box.name.attempt(), Cause.LOST_GPU);
    }
    truth.starts.merge(box.name.attempt(), 1, Integer::sum);
    say("started " + nameOf(box.name) + (box.gpus().isEmpty() ? "" : " on " + box.gpus()));
    simulation.volumes.written(box.name.job());
    simulation.invariants.started(box);
    timeline.add("container " + nameOf(box.name), false, 0, () -> watchEnd(box));
    changed(box.name);
  }

  /** Somebody starts an ended container again. */
  void startAgain(Box box) {
    box.begin(timeline.now(), timeline.wall());
    endInTime(box);
    say("somebody started " + nameOf(box.name) + " again");
    timeline.add("container " + nameOf(box.name), false, 0, () -> watchEnd(box));
    changed(box.name);
  }

  /** Somebody renames a container. */
  void rename(Box box) {
    boxes.remove(box.name.toString());
    boxes.put("renamed-" + box.id, box);
    box.foreign = !isRecorded(box);
    say("somebody renamed " + nameOf(box.name));
  }

  /**
   * Returns whether the ledger has the container's id, so that the agent finds the container by it.
   */
  private boolean isRecorded(Box box) {
    return simulation
        .truth(box.name.job())
        .seen
        .map(Job::state)
        .filter(
            state ->
                switch (state) {
                  case JobState.Starting starting ->
                      starting.containerId().filter(box.id::equals).isPresent();
                  case JobState.Running running -> running.containerId().equals(box.id);
                  case JobState.Stopping stopping ->
                      stopping.containerId().filter(box.id::equals).isPresent();
                  case JobState.Live _, JobState.Final _ -> false;
                })
        .isPresent();
  }

  /** Returns whether the engine has not gone down since it created the container. */
  boolean madeByThisEngine(Box box) {
    return box.engineLife == engineLives;
  }

  /** Returns the number of the engine's life. It changes when the engine goes down. */
  int engineLife() {
    return engineLives;
  }

  /** Returns whether the engine still has the container, under any name. */
  boolean has(Box box) {
    return boxes.get(box.name.toString()) == box || boxes.get("renamed-" + box.id) == box;
  }

  /** Gives an endless program an end after the storm. */
  void endInTime(Box box) {
    if (simulation.isCalm() && box.isAlive() && box.endsAt == Long.MAX_VALUE) {
      box.endsAt = timeline.now() + dice.seconds(0, 60);
      box.endsWith = 0;
      box.endsByItself = true;
    }
  }

  private OptionalLong watchEnd(Box box) {
    if (!box.isAlive() || !(has(box) || strays.contains(box))) {
      return OptionalLong.empty();
    }
    if (!box.paused && timeline.now() >= box.endsAt) {
      end(box, box.endsWith, box.endsByItself);
      return OptionalLong.empty();
    }
    long wait = box.paused ? Timeline.SECOND : box.endsAt - timeline.now();
    return OptionalLong.of(Math.clamp(wait, 0, Timeline.SECOND));
  }

  /** Ends what runs in a container. */
  void end(Box box, int exitCode, boolean byItself) {
    JobTruth truth = simulation.truth(box.name.job());
    box.stage = Box.Stage.EXITED;
    box.finishedAt = timeline.wall();
    box.exitCode = exitCode;
    if (byItself) {
      box.outOfMemory = box.program.outOfMemory();
      if (exitCode != 0) {
        truth.causes.add(
            box.name.attempt(), box.outOfMemory ? Cause.OUT_OF_MEMORY : Cause.EXIT_CODE);
      }
    }
    if (exitCode == 0 && machineUp) {
      truth.completed = true;
    }
    say(
        nameOf(box.name)
            + " ended with "
            + exitCode
            + (byItself ? " by itself" : "")
            + (box.outOfMemory ? ", out of memory" : ""));
    noteRun(box);
    long lingers = dice.percent(15) ? dice.seconds(0, 90) : 0;
    for (Device device : devices) {
      if (box.gpus().contains(device.uuid)) {
        device.occupiedUntil = Math.max(device.occupiedUntil, timeline.now() + lingers);
      }
    }
    if (byItself && box.restarts && engineUp) {
      box.stage = Box.Stage.RUNNING;
      box.restarting = true;
      timeline.once("engine", false, dice.micros(0, LONGEST_RESTART), () -> restart(box));
    }
    changed(box.name);
  }

  private void restart(Box box) {
    if (box.restarting && has(box)) {
      say("the engine starts " + nameOf(box.name) + " again");
      box.begin(timeline.now(), timeline.wall());
      endInTime(box);
      timeline.add("container " + nameOf(box.name), false, 0, () -> watchEnd(box));
      changed(box.name);
    }
  }

  /** The engine no longer starts the container again. */
  private static void endRestarts(Box box) {
    box.restarts = false;
    if (box.restarting) {
      box.restarting = false;
      box.stage = Box.Stage.EXITED;
    }
  }

  /** Notes how long the container has run. */
  void noteRun(Box box) {
    JobTruth truth = simulation.truth(box.name.job());
    truth.longestRun = Math.max(truth.longestRun, timeline.now() - box.startedAtMicros);
  }

  void signal(Box box, boolean kill) {
    endRestarts(box); // as Docker does, for every signal
    if (!box.isAlive() || box.lost) {
      return;
    }
    simulation.invariants.stops.signalled(box, kill);
    box.paused = false; // a signal ends the pause
    say((kill ? "SIGKILL to " : "SIGTERM to ") + nameOf(box.name));
    if (kill) {
      end(box, 137, false);
    } else if (box.program.afterTerm() >= 0) {
      long end = timeline.now() + box.program.afterTerm();
      if (end < box.endsAt) {
        box.endsAt = end;
        box.endsWith = box.program.exitAfterTerm();
        box.endsByItself = false;
      }
    }
  }

  void remove(Box box) {
    if (box.isAlive() && box.lost) {
      strays.add(box);
    } else if (box.isAlive()) {
      end(box, 137, false);
    }
    boxes.values().remove(box);
    say("removed " + nameOf(box.name));
    changed(box.name);
  }

  void endProcesses(String containerId) {
    for (Box box : alive()) {
      if (box.id.equals(containerId)) {
        say("what runs in " + nameOf(box.name) + " is killed");
        end(box, 137, false);
      }
    }
    strays.removeIf(box -> !box.isAlive());
  }

  /** The agent removes a container because it belongs to no job. */
  void discard(Box box) {
    simulation.invariants.discarded(box);
    endProcesses(box.id);
    remove(box);
  }

  Optional<Box> find(ContainerName name) {
    return Optional.ofNullable(boxes.get(name.toString()));
  }

  /** Sends a hint to the agent: late, twice, or never. */
  private void changed(ContainerName name) {
    int times = dice.percent(simulation.weather.interleaved) ? dice.below(3) : 1;
    for (int i = 0; i < times; i++) {
      timeline.once(
          "event",
          false,
          dice.micros(0, dice.percent(10) ? 20 * Timeline.SECOND : 50 * Timeline.MILLI),
          () -> simulation.agent().ifPresent(agent -> agent.hint(name)));
    }
  }

  // ---- what happens to it

  /** The engine goes down, and is up again some time later. */
  void restartEngine() {
    stopEngine(dice.percent(50));
    timeline.once("world", false, dice.seconds(1, 60), this::startEngine);
  }

  /** Stops the engine. The containers end with it, unless it has live restore. */
  private void stopEngine(boolean containersLive) {
    engineUp = false;
    say("the engine goes down" + (containersLive ? "" : ", and its containers"));
    engineLives++;
    startsBusyUntil = 0;
    for (Box box : boxes.values()) {
      endRestarts(box);
      if (box.stage == Box.Stage.CREATED) {
        simulation.truth(box.name.job()).causes.add(box.name.attempt(), Cause.ENGINE);
      }
      boolean unrecorded = !box.startTold && timeline.now() - box.startedAtMicros < UNRECORDED;
      if (box.isAlive() && unrecorded) {
        simulation.truth(box.name.job()).causes.add(box.name.attempt(), Cause.ENGINE);
        box.lost = true;
        say("and does not know that it started " + nameOf(box.name));
      }
    }
    if (!containersLive) {
      endAll(Cause.KILLED);
    }
  }

  private void endAll(Cause cause) {
    for (Box box : alive()) {
      if (!(box.lost && machineUp)) {
        simulation.truth(box.name.job()).causes.add(box.name.attempt(), cause);
        end(box, cause == Cause.REBOOT ? dice.pick(List.of(0, 137, 255)) : 137, false);
      }
    }
    strays.removeIf(box -> !box.isAlive());
  }

  void startEngine() {
    if (machineUp && !engineUp) {
      engineUp = true;
      say("the engine is up");
    }
  }

  /** Power is cut. */
  void cutPower() {
    machineUp = false;
    engineUp = false;
    engineLives++;
    say("the power is cut");
    boxes.values().forEach(Machine::endRestarts);
    for (JobTruth truth : simulation.truths()) {
      if (truth.feelsReboot()) {
        truth.causes.add(Cause.REBOOT);
      }
    }
    endAll(Cause.REBOOT);
    for (Box box : List.copyOf(boxes.values())) {
      if (box.stage == Box.Stage.CREATED
          && timeline.now() - box.madeAt < UNSYNCED
          && dice.percent(30)) {
        boxes.remove(box.name.toString());
        say("the engine forgot " + nameOf(box.name));
      }
    }
    devices.forEach(
        device -> {
          device.occupiedUntil = 0;
          device.foreignUntil = 0;
        });
    simulation.volumes.cutPower(() -> dice.percent(50));
  }

  void boot() {
    boots++;
    machineUp = true;
    looksHangUntil = 0;
    devices.forEach(device -> device.lost = false);
    say("the machine boots: " + bootId());
  }

  static String nameOf(ContainerName name) {
    return name.job().value().substring(2, 10) + "-" + name.attempt();
  }

  private void say(String what) {
    if (timeline.isTold()) {
      timeline.tell("machine", what);
    }
  }
}
