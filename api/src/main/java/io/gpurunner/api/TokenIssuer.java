package io.gpurunner.api;

import io.vertx.core.json.JsonObject;
import io.vertx.ext.auth.JWTOptions;
import io.vertx.ext.auth.jwt.JWTAuth;
import java.time.Instant;
import java.util.Optional;

/**
 * Issues the tokens that the API accepts. The command line's {@code token create} calls it. Needs
 * no running Vert.x. Thread-safe.
 */
public final class TokenIssuer {
  private final JWTAuth provider;

  public TokenIssuer(JwtSecret secret) {
    this.provider = secret.provider();
  }

  /**
   * Issues a signed token.
   *
   * @param user becomes the claims {@code user} and {@code sub}
   * @param admin whether the token carries {@code role: admin}
   * @param tokenId becomes {@code jti}, by which the token is revoked
   * @param issuedAt becomes {@code iat}, in whole seconds
   * @param expires becomes {@code exp}, in whole seconds; if empty, the token does not expire
   * @throws IllegalArgumentException if the user or the id is blank, holds control characters or is
   *     longer than {@link ApiLimits#MAX_USER_CHARACTERS} or {@link
   *     ApiLimits#MAX_TOKEN_ID_CHARACTERS}
   */
  public String issue(
      String user, boolean admin, String tokenId, Instant issuedAt, Optional<Instant> expires) {
    requireClaim("user", user, ApiLimits.MAX_USER_CHARACTERS);
    requireClaim("token id", tokenId, ApiLimits.MAX_TOKEN_ID_CHARACTERS);
    JsonObject claims =
        new JsonObject()
            .put("jti", tokenId)
            .put("user", user)
            .put("sub", user)
            .put("iat", issuedAt.getEpochSecond());
    if (admin) {
      claims.put("role", "admin");
    }
    expires.ifPresent(at -> claims.put("exp", at.getEpochSecond()));
    return provider.generateToken(claims, new JWTOptions().setAlgorithm(JwtSecret.ALGORITHM));
  }

  private static void requireClaim(String what, String text, int maxCharacters) {
    if (!TokenVerifier.isClaim(text, maxCharacters)) {
      throw new IllegalArgumentException(
          "the %s must be 1 to %d characters without control characters, was %s"
              .formatted(what, maxCharacters, Shown.quoted(text)));
    }
  }
}
