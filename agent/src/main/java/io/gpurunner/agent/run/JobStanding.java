package io.gpurunner.agent.run;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import java.util.Optional;

/** Says in a sentence where a job stands, and why. Stateless. */
final class JobStanding {
  private JobStanding() {}

  /** Returns the sentence. It is empty while the job runs and waits for nothing. */
  static String of(Job job, JobDesk desk) {
    Optional<Placement.Waiting> waiting = desk.waiting(job);
    Optional<String> why = desk.explained(job, waiting);
    String standing =
        switch (job.state()) {
          case JobState.Queued _ ->
              "queued" + waiting.map(place -> ", place " + place.position()).orElse("");
          case JobState.Preparing _ -> "its directories are being prepared";
          case JobState.Pulling _ -> "its image is being pulled";
          case JobState.Starting _ -> "its container is being started";
          case JobState.Running _ -> "";
          case JobState.Stopping stopping ->
              stopping.goneAt().isPresent()
                  ? "its container is gone"
                  : "its container has ended, or is being stopped";
          case JobState.Uploading _ -> "its artifacts are being uploaded";
          case JobState.Final ended -> ended.label();
        };
    return standing.isEmpty() ? why.orElse("") : standing + why.map(text -> ": " + text).orElse("");
  }
}
