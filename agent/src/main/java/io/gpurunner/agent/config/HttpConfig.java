package io.gpurunner.agent.config;

import java.net.URI;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The address of the API.
 *
 * @param host address or name to listen on
 * @param port 1 to 65535
 * @param publicUrl the start of the URLs that clients get, without a slash at its end
 * @param tls empty for plain HTTP
 */
public record HttpConfig(String host, int port, URI publicUrl, Optional<TlsConfig> tls) {
  static HttpConfig read(Section section) {
    String host = section.value("host", "127.0.0.1", ValueForms.HOST_NAME);
    int port = section.value("port", 8080, ValueForms.wholeNumber(1, 65_535));
    Optional<TlsConfig> tls = section.section("tls", TlsConfig::read);
    URI publicUrl =
        section.value("public-url", derivedUrl(host, port, tls.isPresent()), ValueForms.HTTP_URL);
    return new HttpConfig(host, port, publicUrl, tls);
  }

  /** Returns the public URL if the file names none: {@code http(s)://<host>:<port>}. */
  private static URI derivedUrl(String host, int port, boolean tls) {
    String bracketed = host.contains(":") ? "[" + host + "]" : host;
    return URI.create((tls ? "https://" : "http://") + bracketed + ":" + port);
  }

  /**
   * A certificate with its key.
   *
   * @param certificate PEM file: the server's certificate, then its chain
   * @param key PEM file: the private key
   */
  public record TlsConfig(Path certificate, Path key) {
    static Optional<TlsConfig> read(Section section) {
      Optional<Path> certificate = section.existingFile("certificate");
      Optional<Path> key = section.existingFile("key");
      if (certificate.isPresent() && key.isEmpty()) {
        section.error("key", "is missing, but http.tls.certificate is set; give both or neither");
      }
      if (key.isPresent() && certificate.isEmpty()) {
        section.error("certificate", "is missing, but http.tls.key is set; give both or neither");
      }
      return certificate.flatMap(file -> key.map(keyFile -> new TlsConfig(file, keyFile)));
    }
  }
}
