package io.gpurunner.agent.ledger;

import io.gpurunner.api.JobId;
import java.net.URI;
import java.time.Instant;
import java.util.Locale;
import java.util.Optional;

/**
 * A callback that is owed.
 *
 * @param deliveryId the same at every try
 * @param tries tries so far
 * @param firstTryAt when the first of them was: the time they are tried for counts from there
 */
public record PendingCallback(
    String deliveryId,
    JobId job,
    URI url,
    boolean success,
    int tries,
    Optional<Instant> firstTryAt) {

  /** Host and port of the URL: what answers, or does not. */
  public String receiver() {
    return String.valueOf(url.getRawAuthority()).toLowerCase(Locale.ROOT);
  }
}
