package io.gpurunner.agent.run;

import io.gpurunner.agent.job.Ending;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.log.RunLogs;
import io.gpurunner.api.JobRequestLimits;
import io.gpurunner.storage.JobPaths;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;

/** The outputs of a job's runs on this machine. */
record RunOutputs(JobPaths paths, RunLogs logs) {
  private static final int MOST_RUNS = 1 + JobRequestLimits.MAX_RETRIES;

  Path directory(int attempt) {
    return OutputDirectory.of(paths, attempt);
  }

  boolean exists(int attempt) {
    return Files.isDirectory(directory(attempt));
  }

  /** Returns the number after the last piece of a run that is followed now. Never blocks. */
  OptionalLong end(int attempt) {
    return logs.endOf(directory(attempt));
  }

  /** Returns the number of the last run that has begun, or of the run that begins next. */
  int lastRun(Job job) {
    return switch (job.state()) {
      case JobState.Queued queued -> queued.attempt();
      case JobState.Placed placed -> placed.attempt();
      case JobState.Uploading _, JobState.Final _ -> lastKept();
    };
  }

  /** Returns the number of the last run whose output is kept, or 1. */
  int lastKept() {
    // A run that never started has left none, and later ones may have.
    for (int attempt = MOST_RUNS; attempt > 1; attempt--) {
      if (exists(attempt)) {
        return attempt;
      }
    }
    return 1;
  }

  /** Returns whether nothing is added any more to the output of a run. */
  static boolean isOver(Job job, int attempt) {
    return switch (job.state()) {
      case JobState.Queued queued -> queued.attempt() > attempt;
      case JobState.Stopping stopping when stopping.attempt() == attempt ->
          stopping.goneAt().isPresent() && !(stopping.ending() instanceof Ending.NotStarted);
      case JobState.Placed placed -> placed.attempt() > attempt;
      case JobState.Uploading _, JobState.Final _ -> true;
    };
  }
}
