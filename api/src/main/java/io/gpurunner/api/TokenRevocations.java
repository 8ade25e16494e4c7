package io.gpurunner.api;

/**
 * Inbound port: which tokens no longer count. Asked for every request, on its virtual thread: it
 * may look at files. Thread-safe.
 */
@FunctionalInterface
public interface TokenRevocations {
  /**
   * Whether the token with this {@code jti} was revoked.
   *
   * @throws RequestRefusedException UNAVAILABLE where that cannot be looked up now
   */
  boolean isRevoked(String tokenId);
}
