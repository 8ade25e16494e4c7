package io.gpurunner.agent.simulation;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.api.JobId;
import io.gpurunner.api.JobStatus;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import java.util.regex.Pattern;

/** What really happened to a job, whatever the agent thinks. One thread. */
final class JobTruth {
  /** What can make a run or a job fail. */
  enum Cause {
    EXIT_CODE("exit code"),
    OUT_OF_MEMORY("out of memory"),

    /** Somebody, or an engine that went down, killed the container. */
    KILLED("exit code"),
    REMOVED("removed from outside"),

    /** Somebody started the container again, or told the engine to do so. */
    STARTED_AGAIN("started again|restart|exit code"),
    RENAMED("removed from outside"),
    REBOOT("reboot|started anew|started again"),
    LOST_GPU("^GPU .* was lost"),
    IMAGE("image"),
    ENGINE("engine|could not be started|before the agent created it"),
    VOLUMES("directories|written to disk"),
    OVERRUN("^(ckptPath|modelPath)"),
    STORE("could not be uploaded"),

    /** The clock was set while the agent could not look, or could not record what it saw. */
    CLOCK("exit code");

    private final Pattern reasons;

    Cause(String reasons) {
      this.reasons = Pattern.compile(reasons);
    }

    /** Returns whether this can cause a failure with that reason. */
    boolean explains(String reason) {
      return reasons.matcher(reason).find();
    }
  }

  final JobId id;

  /** The number of files that the program leaves in its model directory: 0, 1 or 2. */
  final int modelFiles;

  final Causes causes = new Causes();
  final Map<Integer, Integer> starts = new LinkedHashMap<>();

  /** The delivery ids that the receiver saw for each end of the job. */
  final List<String> deliveries = new ArrayList<>();

  boolean answered;
  boolean deletionAsked;

  /** The user got the answer that the job is deleted, or is being deleted. */
  boolean deletionAnswered;

  /** The job was deleted in the queue before it ever ran. */
  boolean deletedInQueue;

  boolean uploadResumed;

  /** The reasons that the ledger has for the failed runs, by the number of the run. */
  final NavigableMap<Integer, String> failures = new TreeMap<>();

  /** A container of the job ended with exit code 0 while the machine was up. */
  boolean completed;

  /**
   * The sum of all changes of the clock between the start of a container and the record of that
   * start, in microseconds.
   */
  long clockSetUnseen;

  /** The clock was set while a container of the job ran. */
  boolean clockSetInRun;

  /** The clock was set after a container of the job had ended, and before it was removed. */
  boolean clockSetAfterEnd;

  /** The number of calls to the engine for this job that hang now. */
  int hanging;

  /** How long the job was in STOPPING while nothing of its run was left. */
  final Span ended = new Span();

  /**
   * The part of that time in which there was no container, the devices were free and could be seen,
   * and the job's loop waited.
   */
  final Span gone = new Span();

  /** The length of the longest run so far, in microseconds. */
  long longestRun;

  /** The job's directories existed at some time. */
  boolean hadDirectories;

  /**
   * Set after the job's loop was told that the outcome of a decision is not known. It returns
   * whether that decision is settled.
   */
  Optional<BooleanSupplier> undecided = Optional.empty();

  /**
   * The time of the job's end, if it is known, and how far the clock had been set forward until
   * then in all.
   */
  OptionalLong endedAt = OptionalLong.empty();

  long clockSetForwardByEnd;

  /** How long the job's files existed after they should have been removed. */
  final Span kept = new Span();

  /** The times at which the job's loop last began a turn, ended a turn, and met a fault. */
  long turnBegan;

  long turnEnded;
  long faultAt = -1;

  /** The time for which the job's loop planned its next turn. */
  long wakesAt;

  /** The time at which a deletion request or the state STOPPING was recorded. */
  OptionalLong stopRecorded = OptionalLong.empty();

  Optional<Job> seen = Optional.empty();
  Optional<JobStatus.Phase> told = Optional.empty();

  JobTruth(JobId id, int modelFiles) {
    this.id = id;
    this.modelFiles = modelFiles;
  }

  /** The job's loop begins in a new life of the agent. */
  void loopBegins(long now) {
    turnBegan = now;
    turnEnded = now;
    wakesAt = now;
    faultAt = -1;
  }

  /**
   * Returns whether a reboot now would hit the job's run: its container may run, or its files are
   * not on disk yet.
   */
  boolean feelsReboot() {
    return seen.filter(
            job ->
                switch (job.state()) {
                  case JobState.Starting _, JobState.Running _, JobState.Stopping _ -> true;
                  case JobState.Uploading uploading -> uploading.unsyncedUnder().isPresent();
                  case JobState.Queued _,
                      JobState.Preparing _,
                      JobState.Pulling _,
                      JobState.Final _ ->
                      false;
                })
        .isPresent();
  }

  boolean isFinal() {
    return seen.map(Job::state).filter(JobState.Final.class::isInstance).isPresent();
  }

  /** Returns a short name for the story. */
  String name() {
    return id.value().substring(2, 10);
  }
}
