package io.gpurunner.api;

/**
 * Inbound port: which tokens no longer count. Called on the event loop for every request, so it
 * must answer in microseconds. Thread-safe.
 */
@FunctionalInterface
public interface TokenRevocations {
  /** Whether the token with this {@code jti} was revoked. */
  boolean isRevoked(String tokenId);
}
