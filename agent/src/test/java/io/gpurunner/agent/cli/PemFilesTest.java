package io.gpurunner.agent.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.config.HttpConfig.TlsConfig;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.Base64;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class PemFilesTest {
  private static final String PASSWORD = "changeit";

  @TempDir private Path directory;
  private Path certificate;
  private Path key;

  @BeforeEach
  void makePair() throws Exception {
    makePair("EC", "");
  }

  private void makePair(String algorithm, String name) throws Exception {
    Path store = directory.resolve(name + "keys.p12");
    Process keytool =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair",
                "-alias",
                "x",
                "-keyalg",
                algorithm,
                "-dname",
                "CN=localhost",
                "-storetype",
                "PKCS12",
                "-storepass",
                PASSWORD,
                "-keystore",
                store.toString())
            .inheritIO()
            .start();
    assertThat(keytool.waitFor()).isZero();
    char[] password = PASSWORD.toCharArray();
    KeyStore keys = KeyStore.getInstance(store.toFile(), password);
    certificate =
        Files.writeString(
            directory.resolve(name + "cert.pem"),
            pem("CERTIFICATE", keys.getCertificate("x").getEncoded()));
    key =
        Files.writeString(
            directory.resolve(name + "key.pem"),
            pem("PRIVATE KEY", keys.getKey("x", password).getEncoded()));
  }

  @Test
  void aPairThatCanBeServedWith() {
    assertThat(PemFiles.faults(new TlsConfig(certificate, key))).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"EC", "RSA"})
  void theKeyOfAnotherCertificateIsTold(String algorithm) throws Exception {
    Path other = certificate;
    makePair(algorithm, "2");
    assertThat(PemFiles.faults(new TlsConfig(certificate, key))).isEmpty();
    assertThat(PemFiles.faults(new TlsConfig(other, key)))
        .singleElement()
        .asString()
        .startsWith("http.tls.key: " + key)
        .contains("the certificate in " + other);
  }

  @Test
  void theFileAtFaultIsNamedWithItsKey() throws Exception {
    assertThat(PemFiles.faults(new TlsConfig(key, certificate)))
        .first()
        .asString()
        .startsWith("http.tls.certificate: " + key + " holds no certificate in PEM form");
    Path damaged = Files.writeString(directory.resolve("x"), pem("CERTIFICATE", new byte[40]));
    assertThat(PemFiles.faults(new TlsConfig(damaged, key)))
        .first()
        .asString()
        .startsWith("http.tls.certificate: " + damaged + " holds no certificate");
    assertThat(PemFiles.faults(new TlsConfig(certificate, certificate)))
        .first()
        .asString()
        .startsWith("http.tls.key: " + certificate + " holds no private key that can be used");
    assertThat(PemFiles.faults(new TlsConfig(damaged, directory)))
        .hasSize(2)
        .contains("http.tls.key: " + directory + " cannot be read: Is a directory");
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
