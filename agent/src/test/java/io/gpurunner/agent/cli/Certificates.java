package io.gpurunner.agent.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.Base64;

/**
 * A key and a certificate that it signed itself.
 *
 * @param pem the certificate's file
 */
record Certificates(KeyStore keys, Path pem) {
  static final String PASSWORD = "changeit";

  static Certificates make(Path store, String host)
      throws IOException, InterruptedException, GeneralSecurityException {
    String kind = Character.isDigit(host.charAt(0)) ? "ip:" : "dns:";
    Process keytool =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair",
                "-alias",
                "x",
                "-keyalg",
                "EC",
                "-dname",
                "CN=" + host,
                "-ext",
                "san=" + kind + host,
                "-storetype",
                "PKCS12",
                "-storepass",
                PASSWORD,
                "-keystore",
                store.toString())
            .inheritIO()
            .start();
    assertThat(keytool.waitFor()).isZero();
    KeyStore keys = KeyStore.getInstance(store.toFile(), PASSWORD.toCharArray());
    String body =
        Base64.getMimeEncoder(64, new byte[] {'\n'})
            .encodeToString(keys.getCertificate("x").getEncoded());
    Path pem =
        Files.writeString(
            store.resolveSibling("certificate.pem"),
            "-----BEGIN CERTIFICATE-----\n" + body + "\n-----END CERTIFICATE-----\n");
    return new Certificates(keys, pem);
  }
}
