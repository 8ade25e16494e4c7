package io.gpurunner.api;

import io.vertx.core.Future;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.auth.User;
import io.vertx.ext.auth.authentication.TokenCredentials;
import io.vertx.ext.auth.jwt.JWTAuth;
import java.time.Clock;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Finds out who sent a request, in two steps. {@link #verify} runs on the event loop, to which it
 * belongs, and never blocks. {@link #requireNotRevoked} asks the register of tokens and may block.
 *
 * <p>A verified token is remembered, so that its signature is computed once. Its expiry and its
 * revocation are checked every time.
 */
final class TokenVerifier {
  private static final String HINT =
      "; send the header Authorization: Bearer <token>, with a token that the administrator of this"
          + " machine gave you";
  private static final String SCHEME = "Bearer ";

  /** The farthest time, in seconds: 30 million years, which an Instant can hold. */
  private static final double FARTHEST_SECOND = 1e15;

  /** Three parts of base64url, none of them empty. The JWT library accepts exactly this form. */
  private static final Pattern FORM =
      Pattern.compile("[A-Za-z0-9_-]++\\.[A-Za-z0-9_-]++\\.[A-Za-z0-9_-]++");

  private final JWTAuth provider;
  private final TokenRevocations revocations;
  private final Clock clock;
  private final Map<String, Verified> remembered =
      new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Verified> eldest) {
          return size() > ApiLimits.MAX_REMEMBERED_TOKENS;
        }
      };

  /** A token with a right signature and right claims. Its times are not checked yet. */
  record Verified(
      Caller caller, String tokenId, Optional<Instant> notBefore, Optional<Instant> expires) {}

  TokenVerifier(JwtSecret secret, TokenRevocations revocations, Clock clock) {
    this.provider = secret.provider();
    this.revocations = revocations;
    this.clock = clock;
  }

  /**
   * Verifies the token of a request, without its revocation. This is the first step.
   *
   * @param headers all {@code Authorization} headers of the request
   * @throws RequestRefusedException UNAUTHORIZED
   */
  Verified verify(List<String> headers) {
    if (headers.isEmpty()) {
      throw refused("the Authorization header is missing");
    }
    if (headers.size() > 1) {
      throw refused("there is more than one Authorization header");
    }
    String token = token(headers.getFirst());
    // The map compares whole tokens. To guess one by timing, a client would have to guess an HMAC.
    Verified verified = remembered.get(token);
    if (verified == null) {
      verified = verified(token);
      remembered.put(token, verified);
    }
    Instant now = clock.instant();
    if (verified.expires().filter(at -> !now.isBefore(at)).isPresent()) {
      throw refused("the token has expired");
    }
    if (verified.notBefore().filter(now::isBefore).isPresent()) {
      throw refused("the token is not valid yet");
    }
    return verified;
  }

  /**
   * Checks that the token was not revoked. This is the second step. It may block, and runs on any
   * thread.
   *
   * @throws RequestRefusedException UNAUTHORIZED; UNAVAILABLE if the register cannot be read
   */
  Caller requireNotRevoked(Verified verified) {
    if (revocations.isRevoked(verified.tokenId())) {
      throw refused("the token was revoked");
    }
    return verified.caller();
  }

  private static String token(String header) {
    // The scheme's name is not case-sensitive (RFC 9110, section 11.1). The cloud's gateway takes
    // the token alone, too, and some of its clients send only that.
    boolean named = header.regionMatches(true, 0, SCHEME, 0, SCHEME.length());
    String token = (named ? header.substring(SCHEME.length()) : header).strip();
    if (!named && token.indexOf(' ') >= 0) {
      throw refused("the Authorization header is no Bearer token");
    }
    if (token.length() > ApiLimits.MAX_TOKEN_CHARACTERS) {
      throw refused("the token is longer than " + ApiLimits.MAX_TOKEN_CHARACTERS + " characters");
    }
    return token;
  }

  private Verified verified(String token) {
    if (!FORM.matcher(token).matches()) {
      throw refused("the token is not a JWT");
    }
    JsonObject claims = signedClaims(token);
    String tokenId = claim(claims, "jti", ApiLimits.MAX_TOKEN_ID_CHARACTERS);
    String user = claim(claims, "user", ApiLimits.MAX_USER_CHARACTERS);
    if (!user.equals(claim(claims, "sub", ApiLimits.MAX_USER_CHARACTERS))) {
      throw refused("the token's claims user and sub differ");
    }
    return new Verified(
        new Caller(user, isAdmin(claims)), tokenId, time(claims, "nbf"), time(claims, "exp"));
  }

  private JsonObject signedClaims(String token) {
    Future<User> user;
    try {
      user = provider.authenticate(new TokenCredentials(token));
    } catch (RuntimeException e) {
      // The library casts exp, nbf and iat to numbers without a check.
      throw refused("a time in the token is not a number");
    }
    if (!user.succeeded()) {
      throw refused("the token was not signed by this agent with " + JwtSecret.ALGORITHM);
    }
    return user.result().attributes().getJsonObject("accessToken");
  }

  private static String claim(JsonObject claims, String name, int maxCharacters) {
    if (claims.getValue(name) instanceof String text && TokenClaims.canBe(text, maxCharacters)) {
      return text;
    }
    throw refused(
        "the token's claim %s must be text of 1 to %d characters without control characters, is not"
            .formatted(name, maxCharacters));
  }

  private static boolean isAdmin(JsonObject claims) {
    @Nullable Object role = claims.getValue("role");
    if (role != null && !(role instanceof String)) {
      throw refused("the token's claim role is not text");
    }
    return "admin".equals(role);
  }

  private static Optional<Instant> time(JsonObject claims, String name) {
    @Nullable Object seconds = claims.getValue(name);
    if (seconds == null && !claims.containsKey(name)) {
      return Optional.empty();
    }
    if (seconds instanceof Number number) {
      double value = number.doubleValue();
      // The time is clamped, so that a far date does not overflow.
      return Optional.of(
          Instant.ofEpochSecond((long) Math.clamp(value, -FARTHEST_SECOND, FARTHEST_SECOND)));
    }
    throw refused("the token's claim " + name + " is not a number");
  }

  private static RequestRefusedException refused(String what) {
    return new RequestRefusedException(RequestRefusedException.Kind.UNAUTHORIZED, what + HINT);
  }
}
