package io.gpurunner.agent.run;

import io.gpurunner.agent.container.Observation;
import io.gpurunner.agent.job.JobState;
import java.util.Optional;

/**
 * Decides what the next step of a job does. It follows from the recorded state of the job, from
 * what the engine says of the container of its attempt, and from whether the machine was booted
 * since. A pure function. Every step asks it, so recovery after a crash is no special case.
 * docs/recovery.md shows it as a table.
 */
final class NextStep {
  private NextStep() {}

  /** How far a job has come, by its recorded state. */
  enum Phase {
    QUEUED,
    PREPARING,
    PULLING,
    /** No container was seen. */
    STARTING,
    /** A container was seen, and may have been started since. */
    STARTING_MADE,
    RUNNING,
    STOPPING,
    /** The container was seen gone. The job waits for its devices. */
    STOPPING_GONE,
    /** The files of the run may not be on disk yet. */
    UPLOADING_UNSYNCED,
    UPLOADING,
    ENDED;

    static Phase of(JobState state) {
      return switch (state) {
        case JobState.Queued _ -> QUEUED;
        case JobState.Preparing _ -> PREPARING;
        case JobState.Pulling _ -> PULLING;
        case JobState.Starting starting ->
            starting.containerId().isEmpty() ? STARTING : STARTING_MADE;
        case JobState.Running _ -> RUNNING;
        case JobState.Stopping stopping -> stopping.goneAt().isEmpty() ? STOPPING : STOPPING_GONE;
        case JobState.Uploading uploading ->
            uploading.unsyncedUnder().isEmpty() ? UPLOADING : UPLOADING_UNSYNCED;
        case JobState.Final _ -> ENDED;
      };
    }
  }

  /** What the engine says of the container of a job's attempt. */
  enum Seen {
    /** There is no container: it was never created, or it was removed. */
    ABSENT,
    CREATED,
    /** Another engine created it, and this engine does not know its past. It may have run. */
    DOUBTFUL,
    RUNNING,
    PAUSED,
    RESTARTING,
    EXITED,
    /** The container was started again since its start was recorded. */
    REPLACED;

    static Seen of(JobState state, Optional<Observation> observation) {
      if (observation.isEmpty()) {
        return ABSENT;
      }
      Observation seen = observation.get();
      return isAnotherRun(state, seen)
          ? REPLACED
          : switch (seen) {
            case Observation.Created _ -> CREATED;
            case Observation.Doubtful _ -> DOUBTFUL;
            case Observation.Exited _ -> EXITED;
            case Observation.Running running ->
                switch (running.activity()) {
                  case ACTIVE -> RUNNING;
                  case PAUSED -> PAUSED;
                  case RESTARTING -> RESTARTING;
                };
          };
    }

    /**
     * Returns whether the container is not in the run that was recorded: somebody started it again,
     * or created another one.
     */
    private static boolean isAnotherRun(JobState state, Observation seen) {
      return state instanceof JobState.Running running
          && seen instanceof Observation.Ran ran
          && !ran.run().equals(running.run());
    }
  }

  /** Whether the machine was booted since the state was recorded. */
  enum Boot {
    SAME,
    ANOTHER;

    /**
     * Returns ANOTHER only if the boot matters: if a container may run, or has written files that
     * are not on disk yet.
     */
    static Boot of(JobState state, String now) {
      return switch (state) {
        case JobState.Starting starting -> starting.bootId().equals(now) ? SAME : ANOTHER;
        case JobState.Running running -> running.bootId().equals(now) ? SAME : ANOTHER;
        case JobState.Uploading uploading ->
            uploading.unsyncedUnder().filter(boot -> !boot.equals(now)).isEmpty() ? SAME : ANOTHER;
        case JobState.Queued _,
            JobState.Preparing _,
            JobState.Pulling _,
            JobState.Stopping _,
            JobState.Final _ ->
            SAME;
      };
    }
  }

  /** What the step does. */
  enum Verdict {
    /** There is no container, and there should be none. */
    GO_ON("go on"),
    RENEW_BOOT("record the boot"),
    CREATE("make it"),
    RECORD_MADE("record it"),
    START("start it"),
    RECORD_START("record its start"),
    WATCH("watch it"),
    JUDGE("judge its end"),
    SIGNAL("SIGTERM, then SIGKILL"),
    REMOVE("remove it"),
    SAVE_AND_REMOVE("save its output, remove it"),
    RECORD_GONE("record that it is gone"),
    /** The container is an orphan, which {@link Orphans} removes. */
    REAP("reap it"),
    FAIL_FOREIGN("fails: not ours"),
    FAIL_REMOVED("fails: removed"),
    FAIL_DOUBTFUL("fails: not known"),
    FAIL_LOST("fails: lost"),
    FAIL_REPLACED("fails: replaced"),
    FAIL_RESTARTING("fails: restarting"),
    FAIL_REBOOTED("fails: rebooted"),
    FAIL_UNSYNCED("fails: not whole");

    private final String words;

    Verdict(String words) {
      this.words = words;
    }

    /** Returns the words of the table in docs/recovery.md. */
    String words() {
      return words;
    }
  }

  static Verdict of(Phase phase, Seen seen, Boot boot) {
    return switch (phase) {
      case QUEUED, UPLOADING, ENDED, STOPPING_GONE -> ofGone(seen);
      case UPLOADING_UNSYNCED -> boot == Boot.SAME ? ofGone(seen) : Verdict.FAIL_UNSYNCED;
      // It may have run under a ledger that was replaced by an older copy.
      case PREPARING, PULLING -> seen == Seen.ABSENT ? Verdict.GO_ON : Verdict.FAIL_FOREIGN;
      case STARTING -> ofStarting(seen, boot);
      case STARTING_MADE -> boot == Boot.SAME ? ofMade(seen) : Verdict.FAIL_REBOOTED;
      case RUNNING -> boot == Boot.SAME ? ofRunning(seen) : Verdict.FAIL_REBOOTED;
      case STOPPING -> ofStopping(seen);
    };
  }

  private static Verdict ofGone(Seen seen) {
    return seen == Seen.ABSENT ? Verdict.GO_ON : Verdict.REAP;
  }

  /** Only this agent starts the container, and only after it is recorded as created. */
  private static Verdict ofStarting(Seen seen, Boot boot) {
    return switch (seen) {
      case ABSENT -> boot == Boot.SAME ? Verdict.CREATE : Verdict.RENEW_BOOT;
      case CREATED -> boot == Boot.SAME ? Verdict.RECORD_MADE : Verdict.RENEW_BOOT;
      case DOUBTFUL -> boot == Boot.SAME ? Verdict.REMOVE : Verdict.RENEW_BOOT;
      case RUNNING, PAUSED, RESTARTING, EXITED, REPLACED -> Verdict.FAIL_FOREIGN;
    };
  }

  private static Verdict ofMade(Seen seen) {
    return switch (seen) {
      case ABSENT -> Verdict.FAIL_REMOVED;
      case CREATED -> Verdict.START;
      case DOUBTFUL -> Verdict.FAIL_DOUBTFUL;
      case RUNNING, PAUSED, EXITED -> Verdict.RECORD_START;
      case RESTARTING -> Verdict.FAIL_RESTARTING;
      case REPLACED -> Verdict.FAIL_REPLACED;
    };
  }

  private static Verdict ofRunning(Seen seen) {
    return switch (seen) {
      case ABSENT -> Verdict.FAIL_REMOVED;
      case RUNNING, PAUSED -> Verdict.WATCH;
      case EXITED -> Verdict.JUDGE;
      case RESTARTING -> Verdict.FAIL_RESTARTING;
      // It ran, and the engine does not know that.
      case CREATED, DOUBTFUL -> Verdict.FAIL_LOST;
      case REPLACED -> Verdict.FAIL_REPLACED;
    };
  }

  private static Verdict ofStopping(Seen seen) {
    return switch (seen) {
      case ABSENT -> Verdict.RECORD_GONE;
      case CREATED -> Verdict.REMOVE;
      case RUNNING, PAUSED, RESTARTING, REPLACED -> Verdict.SIGNAL;
      case DOUBTFUL, EXITED -> Verdict.SAVE_AND_REMOVE;
    };
  }
}
