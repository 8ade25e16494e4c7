package io.gpurunner.agent.simulation;

import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerSpec;
import io.gpurunner.agent.container.ContainerSpec.GpuAttachment;
import java.time.Instant;
import java.util.List;

/** A container as it really is. One thread. */
final class Box {
  final ContainerName name;
  final ContainerSpec spec;
  final Program program;
  final String id;
  final long madeAt;
  Stage stage = Stage.CREATED;
  boolean paused;
  long startedAtMicros;
  Instant startedAt = Instant.EPOCH;
  Instant finishedAt = Instant.EPOCH;
  int exitCode;
  boolean outOfMemory;

  /** When it ends if nobody does anything. */
  long endsAt = Long.MAX_VALUE;

  int endsWith;
  boolean endsByItself;

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

  Box(ContainerName name, ContainerSpec spec, Program program, String id, long madeAt) {
    this.name = name;
    this.spec = spec;
    this.program = program;
    this.id = id;
    this.madeAt = madeAt;
  }

  boolean isAlive() {
    return stage == Stage.RUNNING;
  }

  List<String> gpus() {
    return switch (spec.gpus()) {
      case GpuAttachment.None _ -> List.of();
      case GpuAttachment.Devices devices -> devices.uuids();
    };
  }
}
