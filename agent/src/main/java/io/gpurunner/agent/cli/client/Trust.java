package io.gpurunner.agent.cli.client;

import io.gpurunner.storage.FileFault;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/**
 * The certificates that a client trusts, and no others.
 *
 * @param certificates a PEM file
 * @param anyHost whether the certificate's host names do not matter. The agent's own certificate
 *     names the public host, and not the loopback address at which the machine itself reaches it
 */
public record Trust(Path certificates, boolean anyHost) {
  /** Makes a connection trust these certificates. */
  void apply(HttpsURLConnection connection) {
    connection.setSSLSocketFactory(context().getSocketFactory());
    if (anyHost) {
      connection.setHostnameVerifier((_, _) -> true);
    }
  }

  private SSLContext context() {
    try {
      KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
      trusted.load(null, null);
      byte[] pem = Files.readAllBytes(certificates);
      int number = 0;
      for (Certificate certificate :
          CertificateFactory.getInstance("X.509")
              .generateCertificates(new ByteArrayInputStream(pem))) {
        trusted.setCertificateEntry("certificate-" + number++, certificate);
        if (anyHost) {
          break; // the others sign certificates of other hosts, too
        }
      }
      TrustManagerFactory managers =
          TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      managers.init(trusted);
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(null, managers.getTrustManagers(), null);
      return context;
    } catch (IOException unreadable) {
      throw unusable("cannot be read: " + FileFault.words(unreadable, certificates), unreadable);
    } catch (GeneralSecurityException noCertificates) {
      throw unusable("holds no certificates in PEM form", noCertificates);
    }
  }

  private CommandFailedException unusable(String why, Exception cause) {
    return new CommandFailedException(ExitStatus.USAGE, certificates + ": " + why, cause);
  }
}
