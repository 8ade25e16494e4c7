package io.gpurunner.agent.simulation;

import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerSpec;
import io.gpurunner.agent.container.ContainerSpec.GpuAttachment;
import io.gpurunner.agent.container.Observation.Activity;
import java.time.Instant;
import java.util.List;
import java.util.OptionalLong;

/** A container as it really is. One thread. */
final class Box {
  final ContainerName name;
  final ContainerSpec spec;
  final Program program;
  final String id;
  final long madeAt;
  Stage stage = Stage.CREATED;
  boolean paused;

  /** The engine was killed before it had recorded the start of this container. */
  boolean lost;

  /** The engine has reported that the container runs, so it has recorded the start. */
  boolean startTold;

  /** The life of the engine in which the container was created. */
  final int engineLife;

  long startedAtMicros;
  Instant startedAt = Instant.EPOCH;
  Instant finishedAt = Instant.EPOCH;
  int exitCode;
  boolean outOfMemory;

  /** The time at which the container ends if nobody stops it. */
  long endsAt = Long.MAX_VALUE;

  int endsWith;
  boolean endsByItself;

  /** Somebody told the engine to start the container again whenever it ends. */
  boolean restarts;

  /** The container has ended, and the engine is about to start it again. */
  boolean restarting;

  /** The time of the first SIGTERM in this run. */
  OptionalLong termAt = OptionalLong.empty();

  /**
   * How long the container ran after it should have been stopped, while agent and engine were up.
   */
  long overdue;

  enum Stage {
    CREATED,
    RUNNING,
    EXITED
  }

  /**
   * The program that runs in the container.
   *
   * @param runsFor microseconds until it ends by itself
   * @param afterTerm microseconds from SIGTERM to its end; negative if the program ignores SIGTERM
   * @param overruns whether it writes more than it may
   */
  record Program(
      long runsFor,
      int exitCode,
      boolean outOfMemory,
      boolean refusesToStart,
      long afterTerm,
      int exitAfterTerm,
      boolean overruns) {}

  Box(
      ContainerName name,
      ContainerSpec spec,
      Program program,
      String id,
      long madeAt,
      int engineLife) {
    this.name = name;
    this.spec = spec;
    this.program = program;
    this.id = id;
    this.madeAt = madeAt;
    this.engineLife = engineLife;
  }

  /** Somebody renamed the container before it was recorded, so only its label leads to it. */
  boolean foreign;

  /** The engine is removing the container. */
  boolean removing;

  /** How long the container belonged to no job while agent and engine were up. */
  long orphaned;

  private int runs;

  /** Starts the program. */
  void begin(long nowMicros, Instant now) {
    runs++;
    stage = Stage.RUNNING;
    lost = false;
    restarting = false;
    termAt = OptionalLong.empty();
    startedAtMicros = nowMicros;
    startedAt = now;
    endsAt = program.runsFor() == Long.MAX_VALUE ? Long.MAX_VALUE : nowMicros + program.runsFor();
    endsWith = program.exitCode();
    endsByItself = true;
  }

  String run() {
    return id + "@" + runs;
  }

  /** Returns whether the container was never started, as far as the engine knows. */
  boolean isUnstarted() {
    return lost || stage == Stage.CREATED;
  }

  boolean isAlive() {
    return stage == Stage.RUNNING && !restarting;
  }

  /** Returns whether the container was started more than once. */
  boolean wasStartedAgain() {
    return runs > 1;
  }

  /** Returns how the container runs, as the engine reports it until the end. */
  Activity activity() {
    return restarting ? Activity.RESTARTING : paused ? Activity.PAUSED : Activity.ACTIVE;
  }

  List<String> gpus() {
    return switch (spec.gpus()) {
      case GpuAttachment.None _ -> List.of();
      case GpuAttachment.Devices devices -> devices.uuids();
    };
  }
}
