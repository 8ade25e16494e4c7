package io.gpurunner.agent.config;

import java.net.URI;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Where the API listens.
 *
 * @param host address or name to listen on
 * @param port 1 to 65535
 * @param publicUrl what URLs handed out start with, without a slash at its end
 * @param tls TLS when present, plain HTTP otherwise
 */
public record HttpConfig(String host, int port, URI publicUrl, Optional<TlsConfig> tls) {
  /**
   * Returns the public URL of an agent whose configuration names none: {@code
   * http(s)://<host>:<port>}.
   */
  static URI derivedPublicUrl(String host, int port, boolean tls) {
    String bracketed = host.contains(":") ? "[" + host + "]" : host;
    return URI.create((tls ? "https://" : "http://") + bracketed + ":" + port);
  }

  /**
   * A certificate with its key.
   *
   * @param certificate PEM file: the server's certificate, then its chain
   * @param key PEM file: the private key
   */
  public record TlsConfig(Path certificate, Path key) {}
}
