package io.gpurunner.agent.cli;

import io.gpurunner.agent.config.HttpConfig.TlsConfig;
import io.gpurunner.agent.os.FileFault;
import io.vertx.core.net.PemKeyCertOptions;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.util.Optional;

/** Whether the API's certificate and key can be served with. Pure but for reading them. */
final class PemFiles {
  private static final String CERTIFICATE = "-----BEGIN CERTIFICATE-----";

  private PemFiles() {}

  /** What is wrong, naming the key of the configuration and the file; empty where nothing is. */
  static Optional<String> fault(TlsConfig tls) {
    return certificateFault(tls.certificate())
        .map(why -> "http.tls.certificate: " + tls.certificate() + " " + why)
        .or(() -> keyFault(tls).map(why -> "http.tls.key: " + tls.key() + " " + why));
  }

  private static Optional<String> certificateFault(Path file) {
    byte[] content;
    try {
      content = Files.readAllBytes(file);
    } catch (IOException unreadable) {
      return Optional.of("cannot be read: " + FileFault.words(unreadable, file));
    }
    boolean marked = new String(content, StandardCharsets.ISO_8859_1).contains(CERTIFICATE);
    return marked && isCertificate(content)
        ? Optional.empty()
        : Optional.of(
            "holds no certificate in PEM form; accepted: the server's certificate and then its"
                + " chain, each beginning with "
                + CERTIFICATE);
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

  /** Read by the library that serves with it; the certificate was found good before. */
  private static Optional<String> keyFault(TlsConfig tls) {
    try {
      Files.readAllBytes(tls.key());
    } catch (IOException unreadable) {
      return Optional.of("cannot be read: " + FileFault.words(unreadable, tls.key()));
    }
    PemKeyCertOptions options =
        new PemKeyCertOptions()
            .setCertPath(tls.certificate().toString())
            .setKeyPath(tls.key().toString());
    return ShortVertx.with(
        vertx -> {
          try {
            options.getKeyManagerFactory(vertx);
            return Optional.empty();
          } catch (Exception notOne) {
            return Optional.of(
                "holds no private key that can be used; accepted: one in PEM form without a"
                    + " passphrase, beginning with -----BEGIN PRIVATE KEY-----");
          }
        });
  }
}
