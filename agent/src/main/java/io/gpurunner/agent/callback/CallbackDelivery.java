package io.gpurunner.agent.callback;

import java.net.URI;
import java.util.Optional;

/**
 * A callback that is owed.
 *
 * @param deliveryId unique, and the same at each try, so that a receiver can ignore repetitions
 * @param user the owner of the job, whose key signs it; empty if the job's record is gone
 * @param body JSON text, see {@link CallbackBody}
 */
public record CallbackDelivery(String deliveryId, Optional<String> user, URI url, String body) {}
