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
 * @param firstTryAt the time of the first try; the time after which a callback is given up counts
 *     from there
 */
public record PendingCallback(
    String deliveryId,
    JobId job,
    URI url,
    boolean success,
    int tries,
    Optional<Instant> firstTryAt) {

  /** Returns host and port of the URL. */
  public String receiver() {
    return String.valueOf(url.getRawAuthority()).toLowerCase(Locale.ROOT);
  }
}
