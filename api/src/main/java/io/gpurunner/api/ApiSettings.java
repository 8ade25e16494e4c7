package io.gpurunner.api;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * The settings of the API's server. Immutable.
 *
 * @param port the port to bind, or 0 for any free one
 * @param tls empty for plain HTTP
 */
public record ApiSettings(
    String host, int port, Optional<TlsFiles> tls, JwtSecret jwtSecret, Waits waits) {

  /**
   * The PEM files of the server's certificate chain and of its private key.
   *
   * @param interval the time between two looks whether they have changed
   */
  public record TlsFiles(Path certificate, Path key, Duration interval) {
    public TlsFiles(Path certificate, Path key) {
      this(certificate, key, ApiLimits.TLS_FILES_INTERVAL);
    }
  }

  /**
   * The limits of the server: times, and numbers of connections and requests.
   *
   * @param body the time between a request's head and the last byte of its body; a slower request
   *     gets 408
   * @param firstRequest the time until the head of a connection's first request has arrived; a
   *     slower connection is closed
   * @param nextRequest the time from an answer until the head of the connection's next request has
   *     arrived; a slower connection is closed
   * @param idle the time without a byte in either direction after which a connection is closed
   * @param unread how long a client may take nothing of a log that is sent to it; then its
   *     connection is closed
   * @param stop the time that requests in flight have when the server stops
   * @param connections the number of connections open at a time; for a further one, one without an
   *     accepted request is closed
   * @param requests the number of requests that are worked on at a time; a further one gets 503
   */
  public record Waits(
      Duration body,
      Duration firstRequest,
      Duration nextRequest,
      Duration idle,
      Duration unread,
      Duration stop,
      int connections,
      int requests) {
    /** The limits that production uses. */
    public static final Waits DEFAULT =
        new Waits(
            Duration.ofSeconds(30),
            ApiLimits.FIRST_REQUEST_LIMIT,
            Duration.ofSeconds(60),
            Duration.ofSeconds(60),
            ApiLimits.UNREAD_LOG_LIMIT,
            Duration.ofSeconds(5),
            ApiLimits.MAX_CONNECTIONS,
            1024);

    /** The limits of a server that has only the metrics. */
    static final Waits OF_METRICS =
        new Waits(
            DEFAULT.body(),
            DEFAULT.firstRequest(),
            DEFAULT.nextRequest(),
            DEFAULT.idle(),
            DEFAULT.unread(),
            DEFAULT.stop(),
            ApiLimits.MAX_SCRAPE_CONNECTIONS,
            ApiLimits.MAX_SCRAPES);
  }
}
