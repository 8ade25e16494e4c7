package io.gpurunner.agent.auth;

import io.gpurunner.api.JwtSecret;
import io.gpurunner.api.TokenIssuer;
import java.time.Instant;
import java.util.Optional;

/**
 * What is on record of a token; never the token itself. Immutable.
 *
 * @param issuedAt whole seconds, as in the token
 * @param expires whole seconds; a token without ends only by revocation
 */
public record IssuedToken(
    TokenId id, UserName user, boolean admin, Instant issuedAt, Optional<Instant> expires) {

  /** The token itself, in the form of contract section 1. */
  public String signedWith(JwtSecret secret) {
    return new TokenIssuer(secret).issue(user.value(), admin, id.value(), issuedAt, expires);
  }

  /** Whether the token's time was up at that instant. */
  public boolean expiredAt(Instant now) {
    return expires.filter(end -> !now.isBefore(end)).isPresent();
  }
}
