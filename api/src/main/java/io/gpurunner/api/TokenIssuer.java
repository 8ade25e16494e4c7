package io.gpurunner.api;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Base64;
import java.util.Optional;

/**
 * Issues the tokens that the API accepts (RFC 7519, in the compact form of RFC 7515). The command
 * line calls it, also for its own calls. It does without Vert.x, whose classes would double the
 * time of a short command. Thread-safe.
 */
public final class TokenIssuer {
  private static final String HEADER = "{\"typ\":\"JWT\",\"alg\":\"" + JwtSecret.ALGORITHM + "\"}";

  private final JwtSecret secret;

  public TokenIssuer(JwtSecret secret) {
    this.secret = secret;
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
    String signed =
        encoded(HEADER.getBytes(StandardCharsets.UTF_8))
            + "."
            + encoded(claims(user, admin, tokenId, issuedAt, expires));
    return signed + "." + encoded(secret.signature(signed.getBytes(StandardCharsets.US_ASCII)));
  }

  private static byte[] claims(
      String user, boolean admin, String tokenId, Instant issuedAt, Optional<Instant> expires) {
    ByteArrayOutputStream claims = new ByteArrayOutputStream();
    try (JsonGenerator json = new JsonFactory().createGenerator(claims)) {
      json.writeStartObject();
      json.writeStringField("jti", tokenId);
      json.writeStringField("user", user);
      json.writeStringField("sub", user);
      json.writeNumberField("iat", issuedAt.getEpochSecond());
      if (admin) {
        json.writeStringField("role", "admin");
      }
      if (expires.isPresent()) {
        json.writeNumberField("exp", expires.get().getEpochSecond());
      }
      json.writeEndObject();
    } catch (IOException impossible) {
      throw new UncheckedIOException(impossible); // memory is no file
    }
    return claims.toByteArray();
  }

  private static String encoded(byte[] part) {
    return Base64.getUrlEncoder().withoutPadding().encodeToString(part);
  }

  private static void requireClaim(String what, String text, int maxCharacters) {
    if (!TokenClaims.canBe(text, maxCharacters)) {
      throw new IllegalArgumentException(
          "the %s must be 1 to %d characters without control characters, was %s"
              .formatted(what, maxCharacters, Shown.quoted(text)));
    }
  }
}
