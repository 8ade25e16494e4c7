package io.gpurunner.agent.ledger;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.api.JobRequest;
import java.util.Map;

/**
 * What jobs that have not ended take of the agent's memory.
 *
 * @param jobs how many they are
 * @param queued how many of them are in the queue
 * @param requestBytes an estimate of what their requests take
 */
public record LiveLoad(int jobs, int queued, long requestBytes) {
  static final LiveLoad NONE = new LiveLoad(0, 0, 0);

  /** What a job takes besides the texts of its request. */
  private static final int JOB_BYTES = 500;

  static LiveLoad of(Job job) {
    JobRequest request = job.request();
    long bytes =
        JOB_BYTES
            + request.image().toString().length()
            + request.runCommand().map(String::length).orElse(0)
            + request.callbackUrl().map(url -> url.toString().length()).orElse(0)
            + lengthOf(request.env())
            + lengthOf(request.labels());
    return new LiveLoad(1, job.state() instanceof JobState.Queued ? 1 : 0, bytes);
  }

  private static long lengthOf(Map<String, String> texts) {
    return texts.entrySet().stream()
        .mapToLong(text -> text.getKey().length() + text.getValue().length())
        .sum();
  }

  LiveLoad plus(LiveLoad other) {
    return new LiveLoad(
        jobs + other.jobs, queued + other.queued, requestBytes + other.requestBytes);
  }

  LiveLoad minus(LiveLoad other) {
    return new LiveLoad(
        jobs - other.jobs, queued - other.queued, requestBytes - other.requestBytes);
  }
}
