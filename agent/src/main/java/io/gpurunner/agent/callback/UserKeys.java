package io.gpurunner.agent.callback;

import io.gpurunner.api.CallbackKeys;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.HexFormat;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * The keys with which the callbacks of each user are signed. A key is the HMAC-SHA256 of {@code
 * callback-key:<user>} under the machine's key, in lower-case hex. So a user who knows his own key
 * knows no other, and nothing has to be kept for a user. Immutable, thread-safe.
 */
public final class UserKeys implements CallbackKeys {
  private static final String ALGORITHM = "HmacSHA256";

  /** What the machine's key signs otherwise begins with a digit. */
  private static final String PURPOSE = "callback-key:";

  private final SecretKeySpec machineKey;

  /**
   * @param machineKey the bytes of {@code <state-dir>/secrets/callback.key}
   */
  public UserKeys(byte[] machineKey) {
    this.machineKey = new SecretKeySpec(machineKey, ALGORITHM);
  }

  @Override
  public String of(String user) {
    try {
      Mac mac = Mac.getInstance(ALGORITHM);
      mac.init(machineKey);
      return HexFormat.of()
          .formatHex(mac.doFinal((PURPOSE + user).getBytes(StandardCharsets.UTF_8)));
    } catch (GeneralSecurityException impossible) {
      throw new IllegalStateException("every Java has " + ALGORITHM, impossible);
    }
  }

  /** Returns what signs the callbacks of a user. */
  CallbackSignature signature(String user) {
    return new CallbackSignature(of(user).getBytes(StandardCharsets.US_ASCII));
  }
}
