package io.gpurunner.api;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * The settings of the API's server. Immutable.
 *
 * @param port 0 for any free one
 * @param tls empty for plain HTTP
 */
public record ApiSettings(
    String host, int port, Optional<TlsFiles> tls, JwtSecret jwtSecret, Waits waits) {

  /** The PEM files of the server's certificate chain and of its private key. */
  public record TlsFiles(Path certificate, Path key) {}

  /**
   * How long the server waits, and for how many at once.
   *
   * @param body a request's body, from its head to its last byte; then 408
   * @param nextRequest a connection's next request's head, from the connection's start or the last
   *     answer; then the connection is closed
   * @param idle a connection without a byte in either direction; then it is closed
   * @param stop requests in flight when the server stops
   * @param connections open at once; a further one is closed at once
   * @param requests being worked on at once; a further one gets 503
   */
  public record Waits(
      Duration body,
      Duration nextRequest,
      Duration idle,
      Duration stop,
      int connections,
      int requests) {
    /** The waits that production uses. */
    public static final Waits DEFAULT =
        new Waits(
            Duration.ofSeconds(30),
            Duration.ofSeconds(60),
            Duration.ofSeconds(60),
            Duration.ofSeconds(5),
            4096,
            1024);
  }
}
