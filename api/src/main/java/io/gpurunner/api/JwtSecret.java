package io.gpurunner.api;

import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.ext.auth.PubSecKeyOptions;
import io.vertx.ext.auth.jwt.JWTAuth;
import io.vertx.ext.auth.jwt.JWTAuthOptions;
import java.security.GeneralSecurityException;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;

/** The key that signs and verifies tokens. Immutable; never printed. */
public final class JwtSecret {
  /** HS512 needs a key at least as long as its output (RFC 7518, section 3.2). */
  public static final int MINIMUM_BYTES = 64;

  static final String ALGORITHM = "HS512";

  private static final String JAVA_ALGORITHM = "HmacSHA512";

  private final byte[] bytes;

  /**
   * @throws IllegalArgumentException if there are fewer than {@link #MINIMUM_BYTES}; the reader of
   *     the secret's file checks the length first, so that its error names the file
   */
  public JwtSecret(byte[] bytes) {
    if (bytes.length < MINIMUM_BYTES) {
      throw new IllegalArgumentException(
          "the token secret must have at least %d bytes, has %d"
              .formatted(MINIMUM_BYTES, bytes.length));
    }
    this.bytes = bytes.clone();
  }

  /**
   * Creates a provider that signs and verifies with this key by HS512, and by no other algorithm.
   */
  JWTAuth provider() {
    JWTAuthOptions options =
        new JWTAuthOptions()
            .addPubSecKey(
                new PubSecKeyOptions().setAlgorithm(ALGORITHM).setBuffer(Buffer.buffer(bytes)));
    // TokenVerifier checks the times with its own clock, at every request.
    options.getJWTOptions().setIgnoreExpiration(true);
    // Vert.x is needed only to read key store files, and the command line runs without it.
    @Nullable Vertx none = null;
    return JWTAuth.create(none, options);
  }

  /** Returns the signature of a text by HS512 (RFC 7518, section 3.2). */
  byte[] signature(byte[] text) {
    try {
      Mac mac = Mac.getInstance(JAVA_ALGORITHM);
      mac.init(new SecretKeySpec(bytes, JAVA_ALGORITHM));
      return mac.doFinal(text);
    } catch (GeneralSecurityException impossible) {
      throw new IllegalStateException(impossible); // every Java has the algorithm
    }
  }

  @Override
  public String toString() {
    return "JwtSecret[hidden]";
  }
}
