package io.gpurunner.api;

/**
 * Port: the tokens that were revoked. It is asked at every request, on the request's virtual
 * thread, and may look at files. Thread-safe.
 */
@FunctionalInterface
public interface TokenRevocations {
  /**
   * Returns whether the token with this {@code jti} was revoked.
   *
   * @throws RequestRefusedException UNAVAILABLE if that cannot be looked up now
   */
  boolean isRevoked(String tokenId);
}
