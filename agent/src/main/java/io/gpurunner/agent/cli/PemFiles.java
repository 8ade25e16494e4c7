package io.gpurunner.agent.cli;

import io.gpurunner.agent.config.HttpConfig.TlsConfig;
import io.gpurunner.api.ServerKeys;
import io.gpurunner.storage.FileFault;
import io.vertx.core.net.PemKeyCertOptions;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** Checks whether the API can use its certificate and key. Only reads; stateless. */
final class PemFiles {
  private static final String CERTIFICATE = "-----BEGIN CERTIFICATE-----";

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
            return ServerKeys.belongTogether(options.getKeyManagerFactory(vertx).getKeyManagers())
                ? Optional.empty()
                : Optional.of(
                    "is not the key of the certificate in "
                        + tls.certificate()
                        + "; accepted: the private key that belongs to the certificate");
          } catch (Exception notOne) {
            return Optional.of(
                "holds no private key that can be used with the certificate in "
                    + tls.certificate()
                    + "; accepted: an RSA or EC key in PEM form without a passphrase, beginning"
                    + " with -----BEGIN PRIVATE KEY-----");
          }
        });
  }
}
