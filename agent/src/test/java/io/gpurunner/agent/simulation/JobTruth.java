package io.gpurunner.agent.simulation;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.api.JobId;
import io.gpurunner.api.JobStatus;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.BooleanSupplier;
import java.util.regex.Pattern;

/** What really happened to a job, whatever the agent thinks. One thread. */
final class JobTruth {
  /** What may make a run, or a job, fail. */
  enum Cause {
    EXIT_CODE("exit code"),
    OUT_OF_MEMORY("out of memory"),

    /** Somebody, or an engine that went down, killed the container. */
    KILLED("exit code"),
    REMOVED("removed from outside"),

    /** Somebody started the container again, or had the engine do so. */
    STARTED_AGAIN("started again|restart|exit code"),
    RENAMED("removed from outside"),
    REBOOT("reboot|started anew|started again"),
    LOST_GPU("^GPU .* was lost"),
    IMAGE("image"),
    ENGINE("engine|could not be started|before the agent created it"),
    VOLUMES("directories|written to disk"),
    OVERRUN("^(ckptPath|modelPath)"),
    STORE("could not be uploaded"),

    /** The clock was set while nobody could look, or record what was seen. */
    CLOCK("exit code");

    private final Pattern reasons;

    Cause(String reasons) {
      this.reasons = Pattern.compile(reasons);
    }

    /** Whether a failure for that reason can come of it. */
    boolean explains(String reason) {
      return reasons.matcher(reason).find();
    }
  }

  final JobId id;

  /** What the program leaves in its model directory: no file, one, or two. */
  final int modelFiles;

  final Causes causes = new Causes();
  final Map<Integer, Integer> starts = new LinkedHashMap<>();

  /** The delivery ids that the receiver saw for each end of the job. */
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

  /** Its directories were there at some time. */
  boolean hadDirectories;

  /** The store said that trying again would not help. */
  boolean storeRefused;

  /** Whether a decision on it is settled of which its loop was told that this is not known. */
  Optional<BooleanSupplier> undecided = Optional.empty();

  /** When it ended, if that is known, and how far the clock was set forward by then in all. */
  OptionalLong endedAt = OptionalLong.empty();

  long clockSetForwardByEnd;

  /** For how long its files were there though they were to be removed. */
  final Span kept = new Span();

  /** When its loop last began a turn, when that turn ended, and when it last met a fault. */
  long turnBegan;

  long turnEnded;
  long faultAt = -1;

  /** When its loop meant to begin the next turn. */
  long wakesAt;

  /** When it was recorded that it is to be stopped: deleted, or for another reason. */
  OptionalLong stopRecorded = OptionalLong.empty();

  Optional<Job> seen = Optional.empty();
  Optional<JobStatus.Phase> told = Optional.empty();

  JobTruth(JobId id, int modelFiles) {
    this.id = id;
    this.modelFiles = modelFiles;
  }

  /** The loops of a new life of the agent begin. */
  void loopBegins(long now) {
    turnBegan = now;
    turnEnded = now;
    wakesAt = now;
    faultAt = -1;
  }

  /** Whether a reboot now befalls its run: it may run, or what it wrote is not on disk yet. */
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

  /** Short, for the story. */
  String name() {
    return id.value().substring(2, 10);
  }
}
