package io.gpurunner.agent.cli;

import io.gpurunner.agent.config.HttpConfig.TlsConfig;
import io.gpurunner.storage.FileFault;
import io.vertx.core.net.PemKeyCertOptions;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.InvalidKeyException;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.SignatureException;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import javax.net.ssl.KeyManager;
import javax.net.ssl.X509KeyManager;

/** Checks whether the API can use its certificate and key. Only reads; stateless. */
final class PemFiles {
  private static final String CERTIFICATE = "-----BEGIN CERTIFICATE-----";

  private static final Map<String, String> SIGNATURES =
      Map.of("RSA", "SHA256withRSA", "EC", "SHA256withECDSA");

  private PemFiles() {}

  /** Returns what is wrong. Each fault names the key of the configuration and the file. */
  static List<String> faults(TlsConfig tls) {
    Optional<String> certificate =
        certificateFault(
                tls.certificate(),
                "the server's certificate and then its chain, each beginning with ")
            .map(why -> "http.tls.certificate: " + tls.certificate() + " " + why);
    Optional<String> key =
        unreadable(tls.key())
            // The API's own library checks the key here, and needs the certificate for that.
            .or(() -> certificate.isPresent() ? Optional.empty() : keyFault(tls))
            .map(why -> "http.tls.key: " + tls.key() + " " + why);
    return Stream.of(certificate, key).flatMap(Optional::stream).toList();
  }

  private static Optional<String> unreadable(Path file) {
    try {
      Files.readAllBytes(file);
      return Optional.empty();
    } catch (IOException e) {
      return Optional.of("cannot be read: " + FileFault.words(e, file));
    }
  }

  /**
   * Returns what is wrong with a file of certificates.
   *
   * @param accepted what it should hold, up to the words with which a certificate begins
   */
  static Optional<String> certificateFault(Path file, String accepted) {
    byte[] content;
    try {
      content = Files.readAllBytes(file);
    } catch (IOException unreadable) {
      return Optional.of("cannot be read: " + FileFault.words(unreadable, file));
    }
    boolean marked = new String(content, StandardCharsets.ISO_8859_1).contains(CERTIFICATE);
    return marked && isCertificate(content)
        ? Optional.empty()
        : Optional.of("holds no certificate in PEM form; accepted: " + accepted + CERTIFICATE);
  }

  private static boolean isCertificate(byte[] content) {
    try {
      return !CertificateFactory.getInstance("X.509")
          .generateCertificates(new ByteArrayInputStream(content))
          .isEmpty();
    } catch (CertificateException notOne) {
      return false;
    }
  }

  private static Optional<String> keyFault(TlsConfig tls) {
    PemKeyCertOptions options =
        new PemKeyCertOptions()
            .setCertPath(tls.certificate().toString())
            .setKeyPath(tls.key().toString());
    return ShortVertx.with(
        vertx -> {
          try {
            return matches(options.getKeyManagerFactory(vertx).getKeyManagers())
                ? Optional.empty()
                : Optional.of(
                    "is not the key of the certificate in "
                        + tls.certificate()
                        + "; accepted: the private key that belongs to the certificate");
          } catch (Exception notOne) {
            return Optional.of(
                "holds no private key that can be used with the certificate in "
                    + tls.certificate()
                    + "; accepted: an RSA or EC key in PEM form without a passphrase, beginning with"
                    + " -----BEGIN PRIVATE KEY-----");
          }
        });
  }

  private static boolean matches(KeyManager[] managers) throws GeneralSecurityException {
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
    return true; // a kind of key that is unknown here is left to the handshake
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
