package io.gpurunner.agent.cli.top;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpurunner.agent.cli.client.Json;
import io.gpurunner.agent.cli.job.JobView;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * What the agent answered at one time.
 *
 * @param fault why the GPUs cannot be read; they are then those of an earlier look
 * @param jobs jobs that have not ended
 * @param allJobs how many there are, also of those that the answer has not
 */
record Picture(
    Optional<String> fault, List<Gpu> gpus, List<JobView> jobs, long allJobs, Instant at) {
  Picture {
    gpus = List.copyOf(gpus);
    jobs = List.copyOf(jobs);
  }

  /**
   * Reads two answers.
   *
   * @param gpus the answer to {@code GET /api/gpus}
   * @param jobs the answer to {@code GET /api/userJob}
   */
  static Picture of(JsonNode gpus, JsonNode jobs, Instant at) {
    List<JobView> views = Json.items(jobs, "content").stream().map(JobView::new).toList();
    return new Picture(
        Json.text(gpus, "fault"),
        Json.items(gpus, "gpus").stream().map(Gpu::of).toList(),
        views,
        Json.number(jobs, "totalElements").orElse(views.size()),
        at);
  }
}
