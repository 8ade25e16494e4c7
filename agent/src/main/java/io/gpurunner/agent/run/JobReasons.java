package io.gpurunner.agent.run;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import java.util.function.UnaryOperator;

/** Why a job failed or does not go on, as far as its record says. Stateless. */
final class JobReasons {
  private JobReasons() {}

  /**
   * Returns the reason in a sentence; empty if there is nothing to explain.
   *
   * @param shown converts a time of the steady clock to the time that users see
   */
  static Optional<String> of(Job job, UnaryOperator<Instant> shown) {
    return switch (job.state()) {
      case JobState.Failed failed -> Optional.of(failed.reason());
      case JobState.Deleted deleted -> Optional.of("deleted by " + deleted.by());
      case JobState.Uploading uploading ->
          uploading
              .lastFailure()
              .map(
                  why ->
                      "%s; it is tried again, not before %s"
                          .formatted(
                              why,
                              shown.apply(uploading.notBefore()).truncatedTo(ChronoUnit.SECONDS)));
      case JobState.Succeeded _, JobState.Live _ -> Optional.empty();
    };
  }
}
