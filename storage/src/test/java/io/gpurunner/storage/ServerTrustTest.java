package io.gpurunner.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Optional;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Makes real handshakes with a server on loopback. */
final class ServerTrustTest {
  private static final String HOST = "localhost";

  @TempDir private Path directory;
  private TestCertificates lab;

  @BeforeEach
  void makeAuthority() {
    lab = new TestCertificates(directory, "lab");
  }

  private ServerTrust trusting() {
    return new ServerTrust(Optional.of(lab.authorityFile()));
  }

  /** Returns why a client refuses the server; empty if they speak. */
  private static Optional<String> refusal(ServerTrust trust, SSLContext of) throws Exception {
    SSLContext client = SSLContext.getInstance("TLS");
    client.init(null, new TrustManager[] {trust}, null);
    InetAddress loopback = InetAddress.getLoopbackAddress();
    try (SSLServerSocket listener =
        (SSLServerSocket) of.getServerSocketFactory().createServerSocket(0, 1, loopback)) {
      Thread server =
          Thread.ofPlatform()
              .start(
                  () -> {
                    try (SSLSocket accepted = (SSLSocket) listener.accept()) {
                      accepted.startHandshake();
                    } catch (IOException refused) {
                      // The client has refused the certificate.
                    }
                  });
      try (SSLSocket socket =
          (SSLSocket) client.getSocketFactory().createSocket(HOST, listener.getLocalPort())) {
        SSLParameters parameters = socket.getSSLParameters();
        parameters.setEndpointIdentificationAlgorithm("HTTPS");
        socket.setSSLParameters(parameters);
        socket.startHandshake();
        return Optional.empty();
      } catch (SSLException refused) {
        return S3Errors.cause(refused, CertificateException.class).map(Throwable::getMessage);
      } finally {
        server.join();
      }
    }
  }

  @Test
  void theAuthorityOfTheFileCounts() throws Exception {
    assertThat(refusal(trusting(), lab.server(HOST))).isEmpty();
  }

  @Test
  void anAuthorityThatNobodyTrustsIsNamed() throws Exception {
    assertThat(refusal(new ServerTrust(Optional.empty()), lab.server(HOST)))
        .contains(
            "the certificate of localhost was issued by \"CN=lab\", which this machine does not"
                + " trust; name a file with the certificate of this issuer in tls.ca-file, or add it"
                + " to the system's");
    TestCertificates other = new TestCertificates(directory, "other");
    assertThat(refusal(trusting(), other.server(HOST)))
        .contains(
            "the certificate of localhost was issued by \"CN=other\", which this machine does not"
                + " trust; tls.ca-file must hold the certificate of this issuer, or the server must"
                + " send it");
  }

  @Test
  void aCertificateThatNobodySignedIsNamed() throws Exception {
    assertThat(refusal(trusting(), lab.selfSigned(HOST)))
        .hasValueSatisfying(
            message ->
                assertThat(message)
                    .startsWith("the certificate of localhost was issued by \"CN=localhost\"")
                    .contains("tls.ca-file"));
  }

  @Test
  void anExpiredOneIsNamedWithItsDay() throws Exception {
    LocalDate day = LocalDate.now(ZoneOffset.UTC).minusDays(5);
    assertThat(refusal(trusting(), lab.server(HOST, "-10d", 5)))
        .contains("the certificate of localhost has expired on " + day + "; it must be renewed");
  }

  @Test
  void oneOfTheFutureIsNamedWithItsDay() throws Exception {
    LocalDate day = LocalDate.now(ZoneOffset.UTC).plusDays(3);
    assertThat(refusal(trusting(), lab.server(HOST, "+3d", 5)))
        .contains(
            "the certificate of localhost is valid only from "
                + day
                + "; check the clock of this machine");
  }

  @Test
  void oneForAnotherNameIsNamedWithItsNames() throws Exception {
    assertThat(refusal(trusting(), lab.server("s3.example.org")))
        .contains(
            "the certificate of localhost is not for that name, but for s3.example.org; call the"
                + " server by one of these names");
  }

  @Test
  void aFileOfManyCertificates() throws Exception {
    ServerTrust trust = trusting();
    SSLContext own = lab.server(HOST);
    assertThat(refusal(trust, own)).isEmpty();
    // A bundle of the system is read as this file is: some certificates in one file.
    Path bundle = directory.resolve("bundle");
    Files.writeString(
        bundle,
        "# a comment\n"
            + Files.readString(new TestCertificates(directory, "first").authorityFile())
            + Files.readString(lab.authorityFile()));
    assertThat(ServerTrust.read(bundle)).hasSize(2);
    assertThat(refusal(new ServerTrust(Optional.of(bundle)), own)).isEmpty();
  }

  @Test
  void aFileThatCannotBeReadIsNamed() throws Exception {
    Path absent = directory.resolve("absent");
    assertThat(refusal(new ServerTrust(Optional.of(absent)), lab.server(HOST)))
        .hasValueSatisfying(
            message ->
                assertThat(message)
                    .contains("the certificates that this machine trusts cannot be read")
                    .contains("tls.ca-file")
                    .contains(absent.toString()));
  }

  @Test
  void aFileWithoutACertificateThatCanBeUsedIsNamed() throws Exception {
    String begin = "-----BEGIN CERTIFICATE-----\n";
    for (String content : List.of("", "words", begin + "AAAA\n-----END CERTIFICATE-----\n")) {
      Path file = Files.writeString(directory.resolve("broken"), content);
      assertThatThrownBy(() -> ServerTrust.read(file))
          .as(content)
          .isInstanceOf(IOException.class)
          .hasMessageStartingWith("tls.ca-file: " + file);
    }
  }

  @Test
  void clientsAreNotJudged() {
    assertThatThrownBy(() -> trusting().checkClientTrusted(new X509Certificate[0], "EC"))
        .isInstanceOf(CertificateException.class);
  }
}
