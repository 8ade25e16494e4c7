package io.gpurunner.agent.simulation;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.api.JobId;
import io.gpurunner.api.JobStatus;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** What really happened to a job, whatever the agent thinks. One thread. */
final class JobTruth {
  /** What may make a run, or a job, fail. */
  enum Cause {
    EXIT_CODE,
    OUT_OF_MEMORY,
    KILLED,
    REMOVED,
    REBOOT,
    LOST_GPU,
    IMAGE,
    ENGINE,
    VOLUMES,
    OVERRUN,
    STORE,
    /** The clock was set while nobody could look, or record what was seen. */
    CLOCK
  }

  final JobId id;

  /** What the program leaves in its model directory: no file, one, or two. */
  final int modelFiles;

  final Set<Cause> causes = EnumSet.noneOf(Cause.class);
  final Map<Integer, Integer> starts = new LinkedHashMap<>();

  /** Of each end, by the version of the job that is one: its delivery ids as the receiver saw. */
  final List<String> deliveries = new ArrayList<>();

  boolean answered;
  boolean deletionAsked;

  /** The user was told that it is deleted, or being deleted. */
  boolean deletionAnswered;

  /** It was deleted in the queue before it ever ran. */
  boolean deletedInQueue;

  boolean uploadResumed;

  /** A container of its ended by itself with exit code 0, while the machine was up. */
  boolean completed;

  /** By how much the clock was set, to and fro, between a start of it and its record. */
  long clockSetUnseen;

  /** The clock was set while a container of its ran. */
  boolean clockSetInRun;

  /** The clock was set after a container of its ended, and before that was looked at. */
  boolean clockSetAfterEnd;

  /** Calls of its loop to the engine that hang now. */
  int hanging;

  /** For how long nothing of its run was left while it was to give its GPUs up. */
  final Span ended = new Span();

  /**
   * For how long, of that, there was no container, its devices were free and could be seen, and its
   * loop waited.
   */
  final Span gone = new Span();

  /** Microseconds that the longest of its runs took so far. */
  long longestRun;

  Optional<Job> seen = Optional.empty();
  Optional<JobStatus.Phase> told = Optional.empty();

  JobTruth(JobId id, int modelFiles) {
    this.id = id;
    this.modelFiles = modelFiles;
  }

  boolean isFinal() {
    return seen.map(Job::state).filter(JobState.Final.class::isInstance).isPresent();
  }

  /** Short, for the story. */
  String name() {
    return id.value().substring(2, 10);
  }
}
