package io.gpurunner.agent.simulation;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.simulation.JobTruth.Cause;
import java.util.List;
import java.util.OptionalLong;

/** Faults from outside that hit the machine now and then. */
final class Mischief {
  enum Kind {
    KILL_AGENT,
    RESTART_ENGINE,
    CUT_POWER,
    MOVE_CLOCK,
    KILL_CONTAINER,
    REMOVE_CONTAINER,
    PAUSE_CONTAINER,
    START_CONTAINER_AGAIN,
    RESTART_CONTAINER_ALWAYS,
    RENAME_CONTAINER,
    LOSE_GPU,
    OCCUPY_GPU,
    FAIL_DISK,
    FILL_DISK,
    STOP_STORE,
    STOP_RECEIVER,
    FORGET_IMAGES,
    BREAK_STARTS,
    HIDE_GPU
  }

  private final Simulation simulation;
  private final Machine machine;
  private final Dice dice;
  private final Timeline timeline;

  Mischief(Simulation simulation) {
    this.simulation = simulation;
    this.machine = simulation.machine;
    this.dice = simulation.dice;
    this.timeline = simulation.timeline;
  }

  OptionalLong turn() {
    List<Kind> kinds = simulation.weather.mischief();
    if (kinds.isEmpty()) {
      return OptionalLong.empty();
    }
    make(dice.pick(kinds));
    return OptionalLong.of(dice.seconds(1, 60));
  }

  private void make(Kind kind) {
    switch (kind) {
      case KILL_AGENT -> simulation.agent().ifPresent(agent -> agent.die("killed"));
      case RESTART_ENGINE -> {
        if (machine.engineUp) {
          machine.restartEngine();
        }
      }
      case CUT_POWER -> {
        if (machine.machineUp && dice.percent(40)) {
          machine.cutPower();
          simulation.agent().ifPresent(agent -> agent.die("power cut"));
          later(dice.seconds(5, 120), simulation::boot);
        }
      }
      case MOVE_CLOCK -> {
        long by = dice.percent(50) ? dice.seconds(-20, 20) : dice.seconds(-600, 600);
        timeline.tell("clock", "jumps by " + by / Timeline.SECOND + " s");
        timeline.jump(by);
        simulation.truths().forEach(truth -> clockSet(truth, by));
      }
      case KILL_CONTAINER ->
          anyBox(
              true,
              box -> {
                timeline.tell("somebody", "kills " + Machine.nameOf(box.name));
                blame(box, Cause.KILLED);
                machine.end(box, dice.pick(List.of(137, 143, 1)), false);
              });
      case REMOVE_CONTAINER ->
          anyBox(
              false,
              box -> {
                timeline.tell("somebody", "removes " + Machine.nameOf(box.name));
                blame(box, Cause.REMOVED);
                machine.remove(box);
              });
      case PAUSE_CONTAINER ->
          anyBox(
              true,
              box -> {
                timeline.tell("somebody", "pauses " + Machine.nameOf(box.name));
                box.paused = true;
                later(dice.seconds(1, 120), () -> box.paused = false);
              });
      case START_CONTAINER_AGAIN ->
          anyBox(
              false,
              box -> {
                if (box.stage == Box.Stage.EXITED && !box.lost) {
                  blame(box, Cause.STARTED_AGAIN);
                  machine.startAgain(box);
                }
              });
      case RESTART_CONTAINER_ALWAYS ->
          anyBox(
              true,
              box -> {
                timeline.tell(
                    "somebody", "has " + Machine.nameOf(box.name) + " restart when it ends");
                blame(box, Cause.STARTED_AGAIN);
                box.restarts = true;
              });
      case RENAME_CONTAINER -> anyBox(false, machine::rename);
      case LOSE_GPU -> {
        Machine.Device device = dice.pick(machine.devices);
        if (!device.lost) {
          timeline.tell("GPU", device.uuid + " is lost");
          SimulatedGpus.lose(simulation, device);
          later(dice.seconds(30, 300), () -> device.lost = false);
        }
      }
      case OCCUPY_GPU -> {
        Machine.Device device = dice.pick(machine.devices);
        timeline.tell("GPU", "a process of no job is on " + device.uuid);
        device.foreignUntil = timeline.now() + dice.seconds(5, 300);
      }
      case FILL_DISK -> {
        long left = dice.between(-100, 700) * Machine.MEGABYTE;
        machine.filledBytes = Math.max(0, machine.diskBytes - left);
        timeline.tell("disk", "has only " + left + " bytes left for jobs");
        later(dice.seconds(5, 300), () -> machine.filledBytes = 0);
      }
      case FAIL_DISK -> {
        timeline.tell("disk", "is full");
        machine.diskFails = true;
        later(dice.seconds(1, 60), () -> machine.diskFails = false);
      }
      case STOP_STORE -> {
        timeline.tell("store", "is down");
        machine.storeUp = false;
        later(dice.seconds(1, 180), () -> machine.storeUp = true);
      }
      case STOP_RECEIVER -> {
        timeline.tell("receiver", "is down");
        machine.receiverUp = false;
        later(dice.seconds(1, 180), () -> machine.receiverUp = true);
      }
      case FORGET_IMAGES -> machine.images.clear();
      case HIDE_GPU -> {
        Machine.Device device = dice.pick(machine.devices);
        timeline.tell("GPU", device.uuid + " reaches no container");
        device.unreachableUntil = timeline.now() + dice.seconds(5, 300);
      }
      case BREAK_STARTS -> {
        timeline.tell("engine", "can start no container");
        machine.startsNothing = true;
        later(dice.seconds(1, 300), () -> machine.startsNothing = false);
      }
    }
  }

  /**
   * Notes what cannot be known of a job any more, because nobody looked between its start or end
   * and this change of the clock.
   */
  private void clockSet(JobTruth truth, long by) {
    boolean startRecorded =
        truth.seen.map(Job::state).filter(JobState.Running.class::isInstance).isPresent();
    for (Box box : machine.boxes.values()) {
      if (box.name.job().equals(truth.id)) {
        if (!startRecorded && box.stage != Box.Stage.CREATED) {
          truth.clockSetUnseen += Math.abs(by);
        }
        truth.clockSetInRun |= box.isAlive();
        truth.clockSetAfterEnd |= box.stage == Box.Stage.EXITED;
        truth.causes.add(box.name.attempt(), Cause.CLOCK);
      }
    }
  }

  private interface What {
    void with(Box box);
  }

  private void anyBox(boolean alive, What what) {
    List<Box> boxes =
        machine.boxes.values().stream()
            .filter(box -> !box.foreign && (!alive || (box.isAlive() && !box.lost)))
            .toList();
    if (!boxes.isEmpty() && machine.engineUp) {
      what.with(dice.pick(boxes));
    }
  }

  private void blame(Box box, Cause cause) {
    simulation.truth(box.name.job()).causes.add(box.name.attempt(), cause);
  }

  private void later(long delay, Runnable what) {
    timeline.once("world", false, delay, what);
  }
}
