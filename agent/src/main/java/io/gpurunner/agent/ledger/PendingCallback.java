package io.gpurunner.agent.ledger;

import io.gpurunner.api.JobId;
import java.net.URI;
import java.time.Instant;
import java.util.Optional;

/**
 * A callback that is owed.
 *
 * @param deliveryId the same at every try
 * @param artifact the object the URL is to lead to; signed anew at every try
 * @param tries tries so far
 * @param firstTryAt when the first of them was: the time they are tried for counts from there
 */
public record PendingCallback(
    String deliveryId,
    JobId job,
    URI url,
    boolean success,
    Optional<String> artifact,
    int tries,
    Optional<Instant> firstTryAt) {}
