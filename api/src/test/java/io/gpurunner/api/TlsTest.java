package io.gpurunner.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Key;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.util.Base64;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletionException;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests HTTPS with PEM files. The JDK's keytool creates key and certificate for the test. */
final class TlsTest {
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

  private KeyStore keyStore() throws Exception {
    String password = UUID.randomUUID().toString();
    Path file = directory.resolve("store.p12");
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
                password,
                "-keystore",
                file.toString())
            .inheritIO()
            .start();
    assertThat(keytool.waitFor()).isZero();
    KeyStore store = KeyStore.getInstance(file.toFile(), password.toCharArray());
    Key key = store.getKey("server", password.toCharArray());
    Files.writeString(directory.resolve("key.pem"), pem("PRIVATE KEY", key.getEncoded()));
    return store;
  }

  private ApiSettings.TlsFiles pemFiles(KeyStore store) throws Exception {
    Certificate certificate = store.getCertificate("server");
    Path file =
        Files.writeString(
            directory.resolve("cert.pem"), pem("CERTIFICATE", certificate.getEncoded()));
    return new ApiSettings.TlsFiles(file, directory.resolve("key.pem"));
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
