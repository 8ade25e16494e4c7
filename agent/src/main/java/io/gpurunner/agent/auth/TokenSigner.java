package io.gpurunner.agent.auth;

import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.auth.JWTOptions;
import io.vertx.ext.auth.PubSecKeyOptions;
import io.vertx.ext.auth.jwt.JWTAuth;
import io.vertx.ext.auth.jwt.JWTAuthOptions;
import org.jspecify.annotations.Nullable;

/** Writes tokens: HS512, with the claims of contract section 1. Thread-safe. */
public final class TokenSigner {
  private static final String ALGORITHM = "HS512";

  private final JWTAuth signing;

  public TokenSigner(byte[] secret) {
    PubSecKeyOptions key =
        new PubSecKeyOptions().setAlgorithm(ALGORITHM).setBuffer(Buffer.buffer(secret));
    // Vert.x itself is needed only to read key stores.
    @Nullable Vertx none = null;
    signing = JWTAuth.create(none, new JWTAuthOptions().addPubSecKey(key));
  }

  public String sign(IssuedToken token) {
    JsonObject claims =
        new JsonObject()
            .put("jti", token.id().value())
            .put("user", token.user().value())
            .put("sub", token.user().value())
            .put("iat", token.issuedAt().getEpochSecond());
    token.expires().ifPresent(end -> claims.put("exp", end.getEpochSecond()));
    if (token.admin()) {
      claims.put("role", "admin");
    }
    return signing.generateToken(claims, new JWTOptions().setAlgorithm(ALGORITHM));
  }
}
