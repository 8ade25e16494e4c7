package io.gpurunner.storage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;

/** Makes authorities and certificates of servers with Java's keytool, in a directory. */
public final class TestCertificates {
  private static final String WORD = "changeit";
  private static final String AUTHORITY = "authority";

  private final Path directory;
  private final Path store;

  /** Makes an authority. */
  public TestCertificates(Path directory, String authorityName) {
    this.directory = directory;
    this.store = directory.resolve(authorityName + ".p12");
    keytool(
        "-genkeypair",
        "-alias",
        AUTHORITY,
        "-keyalg",
        "EC",
        "-dname",
        "CN=" + authorityName,
        "-ext",
        "bc:c",
        "-validity",
        "30");
  }

  /** Returns a PEM file with the authority's certificate. */
  public Path authorityFile() {
    try {
      return Files.writeString(
          directory.resolve(store.getFileName() + ".crt"),
          "-----BEGIN CERTIFICATE-----\n"
              + Base64.getMimeEncoder()
                  .encodeToString(open().getCertificate(AUTHORITY).getEncoded())
              + "\n-----END CERTIFICATE-----\n");
    } catch (GeneralSecurityException | IOException e) {
      throw new AssertionError(e);
    }
  }

  /** Returns what a server needs that has a certificate for this name. */
  public SSLContext server(String name) {
    return server(name, "+0d", 10);
  }

  /**
   * @param start when the certificate becomes valid, as keytool takes it
   * @param days how long it is valid
   */
  public SSLContext server(String name, String start, int days) {
    String alias = name + start + days;
    keytool(
        "-genkeypair",
        "-alias",
        alias,
        "-signer",
        AUTHORITY,
        "-keyalg",
        "EC",
        "-dname",
        "CN=" + name,
        "-ext",
        "san=dns:" + name,
        "-startdate",
        start,
        "-validity",
        String.valueOf(days));
    return context(alias);
  }

  /** Returns what a server needs whose certificate nobody else has signed. */
  public SSLContext selfSigned(String name) {
    keytool(
        "-genkeypair",
        "-alias",
        name,
        "-keyalg",
        "EC",
        "-dname",
        "CN=" + name,
        "-ext",
        "san=dns:" + name);
    return context(name);
  }

  private SSLContext context(String alias) {
    try {
      KeyStore all = open();
      KeyStore own = KeyStore.getInstance("PKCS12");
      own.load(null, null);
      // Most servers do not send the authority's own certificate.
      Certificate[] chain = {all.getCertificate(alias)};
      own.setKeyEntry(alias, all.getKey(alias, WORD.toCharArray()), WORD.toCharArray(), chain);
      KeyManagerFactory keys =
          KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
      keys.init(own, WORD.toCharArray());
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(keys.getKeyManagers(), null, null);
      return context;
    } catch (GeneralSecurityException | IOException e) {
      throw new AssertionError(e);
    }
  }

  private KeyStore open() throws GeneralSecurityException, IOException {
    return KeyStore.getInstance(store.toFile(), WORD.toCharArray());
  }

  private void keytool(String... words) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "keytool").toString());
    command.add("-J-XX:TieredStopAtLevel=1");
    command.addAll(List.of(words));
    command.addAll(
        List.of("-keystore", store.toString(), "-storetype", "PKCS12", "-storepass", WORD));
    try {
      Path output = Files.createTempFile(directory, "keytool", ".out");
      Process process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(output.toFile())
              .start();
      if (!process.waitFor(60, TimeUnit.SECONDS) || process.exitValue() != 0) {
        throw new AssertionError(String.join(" ", command) + ": " + Files.readString(output));
      }
    } catch (IOException | InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
