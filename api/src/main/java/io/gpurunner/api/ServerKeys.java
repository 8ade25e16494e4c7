package io.gpurunner.api;

import java.security.GeneralSecurityException;
import java.security.InvalidKeyException;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.SignatureException;
import java.util.Map;
import javax.net.ssl.KeyManager;
import javax.net.ssl.X509KeyManager;

/** Checks whether a server's private key belongs to its certificate. Stateless. */
public final class ServerKeys {
  private static final Map<String, String> SIGNATURES =
      Map.of("RSA", "SHA256withRSA", "EC", "SHA256withECDSA");

  private ServerKeys() {}

  /**
   * Returns whether the key belongs to the certificate. A kind of key that is unknown here counts
   * as one that does, and is left to the handshake.
   *
   * @throws GeneralSecurityException if the key cannot sign
   */
  public static boolean belongTogether(KeyManager[] managers) throws GeneralSecurityException {
    for (KeyManager manager : managers) {
      if (manager instanceof X509KeyManager keys) {
        for (String type : SIGNATURES.keySet()) {
          String[] aliases = keys.getServerAliases(type, null);
          for (String alias : aliases == null ? new String[0] : aliases) {
            PublicKey certified = keys.getCertificateChain(alias)[0].getPublicKey();
            return signs(keys.getPrivateKey(alias), certified);
          }
        }
      }
    }
    return true;
  }

  private static boolean signs(PrivateKey key, PublicKey certified)
      throws GeneralSecurityException {
    String algorithm = SIGNATURES.get(key.getAlgorithm());
    if (algorithm == null) {
      return true;
    }
    byte[] text = {1, 2, 3};
    Signature signature = Signature.getInstance(algorithm);
    signature.initSign(key);
    signature.update(text);
    byte[] signed = signature.sign();
    try {
      signature.initVerify(certified);
      signature.update(text);
      return signature.verify(signed);
    } catch (InvalidKeyException | SignatureException ofAnotherKind) {
      return false;
    }
  }
}
