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

  /** The engine was killed before it had recorded that it was started. */
  boolean lost;

  /** Somebody was told that it runs: then that is recorded. */
  boolean startTold;

  /** Which of the engine's lives it was made in. */
  final int engineLife;

  long startedAtMicros;
  Instant startedAt = Instant.EPOCH;
  Instant finishedAt = Instant.EPOCH;
  int exitCode;
  boolean outOfMemory;

  /** When it ends if nobody does anything. */
  long endsAt = Long.MAX_VALUE;

  int endsWith;
  boolean endsByItself;

  /** Somebody had the engine start it again whenever it ends. */
  boolean restarts;

  /** It ended, and the engine is about to start it again. */
  boolean restarting;

  /** When it was first sent SIGTERM in this run. */
  OptionalLong termAt = OptionalLong.empty();

  /** For how long it ran though its time was up, with agent, engine and ledger all there. */
  long overdue;

  enum Stage {
    CREATED,
    RUNNING,
    EXITED
  }

  /**
   * What runs in it.
   *
   * @param runsFor microseconds until it ends by itself
   * @param afterTerm microseconds from SIGTERM to its end; negative where it is deaf
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

  /** Somebody took it from the agent before it was recorded: it is found by its label only. */
  boolean foreign;

  /** The engine is removing it. */
  boolean removing;

  /** How long it was there, with agent and engine up, and belonged to no job. */
  long orphaned;

  private int runs;

  /** Its processes begin. */
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

  /** Returns whether it was never started, as far as the engine knows. */
  boolean isUnstarted() {
    return lost || stage == Stage.CREATED;
  }

  boolean isAlive() {
    return stage == Stage.RUNNING && !restarting;
  }

  /** Whether it was started more than once. */
  boolean wasStartedAgain() {
    return runs > 1;
  }

  /** Returns how it runs, as the engine reports it until it reports the end. */
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
