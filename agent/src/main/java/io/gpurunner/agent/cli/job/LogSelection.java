package io.gpurunner.agent.cli.job;

import io.gpurunner.agent.cli.client.ApiClient;
import java.time.Duration;
import java.util.Optional;

/**
 * What of a job's output a user wants to see.
 *
 * @param job the job's id
 * @param path the path of the request, with the filters that count for the whole output
 * @param since the time before which nothing is shown, as the user wrote it
 * @param tail how many of the lines that are there at first are shown
 * @param follow whether to go on until the job has ended
 * @param oneRun whether only one run is shown, which may end before the job does
 * @param raw whether control sequences are passed on to a terminal as they are
 */
record LogSelection(
    String job,
    String path,
    Optional<String> since,
    Optional<Long> tail,
    boolean follow,
    boolean oneRun,
    boolean raw) {
  /** The longest period in seconds that the agent reads. */
  private static final long LONGEST_SECONDS = 999_999_999;

  /** What a later request may take longer on its way than the first one. */
  private static final Duration DELAY = Duration.ofSeconds(1);

  /** Returns the path of the first request. */
  String first() {
    return path + parameter("since", since) + parameter("tail", tail);
  }

  /**
   * Returns the path of a request after a connection that brought no line. What was printed in the
   * meantime is asked for, too.
   *
   * @param passed the time since the first request
   * @param begun whether the agent had the time to send the last lines that there were
   */
  String again(Duration passed, boolean begun) {
    if (!follow || (!begun && tail.orElse(0L) > 0)) {
      return first();
    }
    // The last lines were none, and what has been printed since then is wanted as a whole.
    return path
        + parameter(
            "since",
            tail.isPresent() ? Optional.of(period(passed)) : since.map(it -> earlier(it, passed)));
  }

  /**
   * The agent counts a period back from its own clock. So a later request asks for a longer one.
   */
  private static String earlier(String since, Duration passed) {
    // What is no period is a time of day.
    return Spans.read(since).map(asked -> period(asked.plus(passed))).orElse(since);
  }

  /** Returns a period in whole seconds, and rather a longer one. */
  private static String period(Duration time) {
    Duration whole = time.plus(DELAY).plusNanos(999_999_999);
    return Math.clamp(whole.toSeconds(), 0, LONGEST_SECONDS) + "s";
  }

  private static String parameter(String key, Optional<?> value) {
    return value
        .map(given -> "&" + key + "=" + ApiClient.encoded(String.valueOf(given)))
        .orElse("");
  }
}
