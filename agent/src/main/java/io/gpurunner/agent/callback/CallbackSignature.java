package io.gpurunner.agent.callback;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.HexFormat;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * The headers {@code X-Gpurunner-User-Signature-256}, with the key of the job's user, and {@code
 * X-Gpurunner-Signature-256}, with the machine's key, for receivers of its administrator. Each is
 * {@code sha256=} and, in lower-case hex, the HMAC-SHA256 of {@code <timestamp>.<body>}. Immutable,
 * thread-safe.
 */
final class CallbackSignature {
  private static final String ALGORITHM = "HmacSHA256";

  private final SecretKeySpec key;

  CallbackSignature(byte[] key) {
    this.key = new SecretKeySpec(key, ALGORITHM);
  }

  String of(long timestampEpochSeconds, String body) {
    try {
      Mac mac = Mac.getInstance(ALGORITHM);
      mac.init(key);
      mac.update((timestampEpochSeconds + ".").getBytes(StandardCharsets.UTF_8));
      return "sha256="
          + HexFormat.of().formatHex(mac.doFinal(body.getBytes(StandardCharsets.UTF_8)));
    } catch (GeneralSecurityException impossible) {
      throw new IllegalStateException("every Java has " + ALGORITHM, impossible);
    }
  }
}
