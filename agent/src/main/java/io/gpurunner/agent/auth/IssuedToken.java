package io.gpurunner.agent.auth;

import io.gpurunner.api.JwtSecret;
import io.gpurunner.api.TokenIssuer;
import java.time.Instant;
import java.util.Optional;

/**
 * The record of a token; it never holds the token itself. Immutable.
 *
 * @param issuedAt whole seconds, as in the token
 * @param expires whole seconds; empty if only a revocation ends the token
 */
public record IssuedToken(
    TokenId id, UserName user, boolean admin, Instant issuedAt, Optional<Instant> expires) {

  /** Returns the token itself, in the form of contract section 1. */
  public String signedWith(JwtSecret secret) {
    return new TokenIssuer(secret).issue(user.value(), admin, id.value(), issuedAt, expires);
  }

  /** Returns whether the token had expired at that time. */
  public boolean expiredAt(Instant now) {
    return expires.filter(end -> !now.isBefore(end)).isPresent();
  }
}
