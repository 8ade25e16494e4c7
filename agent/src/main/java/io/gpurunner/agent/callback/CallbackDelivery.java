package io.gpurunner.agent.callback;

import java.net.URI;

/**
 * A callback that is owed.
 *
 * @param deliveryId unique, and the same at each try, so that a receiver can ignore repetitions
 * @param body JSON text, see {@link CallbackBody}
 */
public record CallbackDelivery(String deliveryId, URI url, String body) {}
