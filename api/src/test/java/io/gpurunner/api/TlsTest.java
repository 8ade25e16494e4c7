package io.gpurunner.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Key;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.time.Duration;
import java.util.Base64;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletionException;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLHandshakeException;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests HTTPS with PEM files. The JDK's keytool creates key and certificate for the test. */
final class TlsTest {
  private static final Duration OFTEN = Duration.ofMillis(50);
  private static final String PASSWORD = UUID.randomUUID().toString();

  @TempDir Path directory;

  @Test
  void servesHttpsFromPemFiles() throws Exception {
    KeyStore store = keyStore();
    try (ApiFixture api = new ApiFixture(ApiSettings.Waits.DEFAULT, Optional.of(pemFiles(store)));
        HttpClient client = HttpClient.newBuilder().sslContext(trusting(store)).build()) {
      HttpResponse<String> response =
          client.send(
              HttpRequest.newBuilder(URI.create("https://localhost:" + api.port + "/health/live"))
                  .timeout(ApiFixture.PATIENCE)
                  .build(),
              HttpResponse.BodyHandlers.ofString());

      assertThat(response.statusCode()).isEqualTo(200);
      assertThat(response.version()).isEqualTo(HttpClient.Version.HTTP_1_1);
    }
  }

  @Test
  void doesNotStartWithoutItsFiles() {
    assertThatThrownBy(
            () ->
                new ApiFixture(
                    ApiSettings.Waits.DEFAULT,
                    Optional.of(
                        new ApiSettings.TlsFiles(
                            directory.resolve("none.pem"), directory.resolve("none.key")))))
        .isInstanceOf(CompletionException.class)
        .rootCause()
        .hasMessageContaining("none");
  }

  /** A certificate ends after some months, and its successor must not need a restart. */
  @Test
  void aNewCertificateIsUsedWithoutARestart() throws Exception {
    KeyStore old = keyStore();
    try (ApiFixture api = new ApiFixture(ApiSettings.Waits.DEFAULT, Optional.of(pemFiles(old)))) {
      assertThat(isTrusted(api, old)).isTrue();
      KeyStore renewed = keyStore();
      assertThat(isTrusted(api, renewed)).isFalse();
      pemFiles(renewed);
      await().atMost(ApiFixture.PATIENCE).until(() -> isTrusted(api, renewed));
      assertThat(isTrusted(api, old)).isFalse();
      assertThat(api.certificateFault()).isEmpty();
    }
  }

  /**
   * Half of a renewal, nonsense and absent files: the old certificate stays, and the log says so.
   */
  @Test
  void filesThatCannotBeUsedChangeNothing() throws Exception {
    KeyStore old = keyStore();
    try (ApiFixture api = new ApiFixture(ApiSettings.Waits.DEFAULT, Optional.of(pemFiles(old)))) {
      KeyStore renewed = keyStore(); // its key is there already, and its certificate is not
      awaitFault(api, "the key does not belong to the certificate");
      assertThat(isTrusted(api, old)).isTrue();
      Files.writeString(directory.resolve("key.pem"), "nonsense");
      awaitFault(api, "no certificate and key in PEM form");
      assertThat(isTrusted(api, old)).isTrue();
      Files.delete(directory.resolve("key.pem"));
      awaitFault(api, "cannot be read");
      assertThat(isTrusted(api, old)).isTrue();
      pemFiles(renewed);
      writeKey(renewed);
      await().atMost(ApiFixture.PATIENCE).until(() -> isTrusted(api, renewed));
      await().atMost(ApiFixture.PATIENCE).until(() -> api.certificateFault().isEmpty());
    }
  }

  private static void awaitFault(ApiFixture api, String words) {
    await()
        .atMost(ApiFixture.PATIENCE)
        .until(() -> api.certificateFault().filter(fault -> fault.contains(words)).isPresent());
  }

  private static boolean isTrusted(ApiFixture api, KeyStore store) throws Exception {
    try (HttpClient client = HttpClient.newBuilder().sslContext(trusting(store)).build()) {
      return client
              .send(
                  HttpRequest.newBuilder(
                          URI.create("https://localhost:" + api.port + "/health/live"))
                      .timeout(ApiFixture.PATIENCE)
                      .build(),
                  HttpResponse.BodyHandlers.discarding())
              .statusCode()
          == 200;
    } catch (SSLHandshakeException notTrusted) {
      return false;
    }
  }

  /** Creates a certificate, and writes its key, but not the certificate. */
  private KeyStore keyStore() throws Exception {
    Path file = directory.resolve(UUID.randomUUID() + ".p12");
    Process keytool =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair",
                "-alias",
                "server",
                "-keyalg",
                "EC",
                "-dname",
                "CN=localhost",
                "-ext",
                "san=dns:localhost",
                "-storetype",
                "PKCS12",
                "-storepass",
                PASSWORD,
                "-keystore",
                file.toString())
            .inheritIO()
            .start();
    assertThat(keytool.waitFor()).isZero();
    KeyStore store = KeyStore.getInstance(file.toFile(), PASSWORD.toCharArray());
    writeKey(store);
    return store;
  }

  private void writeKey(KeyStore store) throws Exception {
    Key key = store.getKey("server", PASSWORD.toCharArray());
    Files.writeString(directory.resolve("key.pem"), pem("PRIVATE KEY", key.getEncoded()));
  }

  private ApiSettings.TlsFiles pemFiles(KeyStore store) throws Exception {
    Certificate certificate = store.getCertificate("server");
    Path file =
        Files.writeString(
            directory.resolve("cert.pem"), pem("CERTIFICATE", certificate.getEncoded()));
    return new ApiSettings.TlsFiles(file, directory.resolve("key.pem"), OFTEN);
  }

  private static SSLContext trusting(KeyStore store) throws Exception {
    KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
    trusted.load(null, null);
    trusted.setCertificateEntry("server", store.getCertificate("server"));
    TrustManagerFactory trust =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(trusted);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, trust.getTrustManagers(), null);
    return context;
  }

  private static String pem(String what, byte[] bytes) {
    String label = what + "-----\n";
    return "-----BEGIN "
        + label
        + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(bytes)
        + "\n-----END "
        + label;
  }
}
