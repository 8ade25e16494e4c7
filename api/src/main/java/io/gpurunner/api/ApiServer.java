package io.gpurunner.api;

import io.netty.handler.codec.http.TooLongHttpHeaderException;
import io.netty.handler.codec.http.TooLongHttpLineException;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.net.PemKeyCertOptions;
import io.vertx.ext.web.Router;
import java.time.Clock;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.IntSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An HTTP server of the agent: that of the API, or one for the metrics alone. Requests are parsed,
 * verified and answered on one event loop. A call of a port that may block runs on a virtual thread
 * of its own, and files for downloads are read on a few platform threads. Thread-safe; one start,
 * one stop.
 */
public final class ApiServer {
  private static final Logger log = LoggerFactory.getLogger(ApiServer.class);

  private final Vertx vertx;
  private final ApiSettings.Waits waits;
  private final HttpServer server;
  private final Served served;
  private final Connections connections;
  private final Optional<CertificateRenewal> renewal;

  /** What a server answers with. */
  private record Served(
      ErrorAnswers errors,
      Router router,
      EventStreams streams,
      IntSupplier logFollowers,
      List<String> routes) {}

  public ApiServer(Vertx vertx, ApiSettings settings, ApiPorts ports, Clock clock) {
    this(
        vertx,
        options(settings),
        settings.tls(),
        settings.waits(),
        connections -> api(vertx, settings, ports, connections, clock));
  }

  private ApiServer(
      Vertx vertx,
      HttpServerOptions options,
      Optional<ApiSettings.TlsFiles> tls,
      ApiSettings.Waits waits,
      Function<Connections, Served> served) {
    this.vertx = vertx;
    this.waits = waits;
    this.connections = new Connections(vertx, ConnectionLimits.of(waits));
    this.served = served.apply(connections);
    this.server = vertx.createHttpServer(options);
    this.renewal =
        tls.map(files -> new CertificateRenewal(vertx, server, options.getSslOptions(), files));
  }

  /**
   * Creates a server that has only the metrics. It speaks plain HTTP and asks for no token, so any
   * client that reaches its address can read them.
   *
   * @param port the port to bind, or 0 for any free one
   */
  public static ApiServer ofMetrics(
      Vertx vertx, String host, int port, Metrics metrics, Clock clock) {
    ApiSettings.Waits waits = ApiSettings.Waits.OF_METRICS;
    ErrorAnswers errors = new ErrorAnswers(clock);
    Router router = MetricsRoute.alone(vertx, metrics, errors);
    Served served = new Served(errors, router, new EventStreams(vertx), () -> 0, List.of());
    return new ApiServer(vertx, options(host, port, waits), Optional.empty(), waits, _ -> served);
  }

  private static Served api(
      Vertx vertx, ApiSettings settings, ApiPorts ports, Connections connections, Clock clock) {
    ApiSettings.Waits waits = settings.waits();
    ErrorAnswers errors = new ErrorAnswers(clock);
    EventStreams streams = new EventStreams(vertx);
    RequestWork files = RequestWork.forFiles(vertx, waits.connections());
    LogRoute logs = new LogRoute(vertx, ports.logs(), files, errors, clock, waits.unread());
    Endpoints endpoints =
        new Endpoints(
            ports,
            connections,
            new TokenVerifier(settings.jwtSecret(), ports.revocations(), clock),
            new BodyReader(vertx, waits.body()),
            new RequestWork(vertx, waits.requests()),
            files,
            streams,
            logs,
            errors);
    return new Served(
        errors, endpoints.router(vertx), streams, logs::followers, endpoints.routes());
  }

  /**
   * Binds the address and serves.
   *
   * @return the bound port; fails if the address is taken or the TLS files are not usable
   */
  public Future<Integer> start() {
    server.connectionHandler(connections::opened);
    server.requestHandler(this::handle);
    server.invalidRequestHandler(this::handleInvalid);
    Promise<Integer> port = Promise.promise();
    // The event loop that listens serves all connections, so the server must be started on one of
    // this Vert.x.
    vertx.runOnContext(
        start ->
            server
                .listen()
                .map(HttpServer::actualPort)
                .onSuccess(bound -> renewal.ifPresent(CertificateRenewal::start))
                .onComplete(port));
    return port.future();
  }

  /** Takes no new requests, lets those in flight end for a while, and closes the rest. */
  public Future<Void> stop() {
    connections.stop(vertx);
    renewal.ifPresent(CertificateRenewal::stop);
    return served
        .streams()
        .stop()
        .compose(_ -> server.shutdown(waits.stop().toMillis(), TimeUnit.MILLISECONDS));
  }

  /** Returns how many clients follow what a job prints. */
  public int logFollowers() {
    return served.logFollowers().getAsInt();
  }

  /** Returns why the newest files of certificate and key are not used. It is empty if they are. */
  public Optional<String> certificateFault() {
    return renewal.flatMap(CertificateRenewal::fault);
  }

  /** Returns the routes, for the test that compares them with the document. */
  List<String> routes() {
    return served.routes();
  }

  private static HttpServerOptions options(String host, int port, ApiSettings.Waits waits) {
    return new HttpServerOptions()
        .setHost(host)
        .setPort(port)
        .setMaxInitialLineLength(ApiLimits.MAX_REQUEST_LINE_BYTES)
        .setMaxHeaderSize(ApiLimits.MAX_HEADER_BYTES)
        .setIdleTimeout((int) waits.idle().toMillis())
        .setIdleTimeoutUnit(TimeUnit.MILLISECONDS)
        .setTcpKeepAlive(true) // a client that vanished while its log was silent is noticed
        // Only HTTP/1 is served, because the limits above are limits of HTTP/1.
        .setHttp2ClearTextEnabled(false)
        .setUseAlpn(false);
  }

  private static HttpServerOptions options(ApiSettings settings) {
    HttpServerOptions options = options(settings.host(), settings.port(), settings.waits());
    settings
        .tls()
        .ifPresent(
            files ->
                options
                    .setSsl(true)
                    .setKeyCertOptions(
                        new PemKeyCertOptions()
                            .setCertPath(files.certificate().toString())
                            .setKeyPath(files.key().toString())));
    return options;
  }

  private void handle(HttpServerRequest request) {
    track(request);
    try {
      served.router().handle(request);
    } catch (IllegalArgumentException e) {
      // The router decodes the path's percent escapes before any route sees it.
      log.debug("malformed path", e);
      served.errors().of(Endpoints.badPath()).send(request);
    } catch (RuntimeException e) {
      served.errors().of(e).send(request);
    }
  }

  private void track(HttpServerRequest request) {
    long startedNanos = System.nanoTime();
    connections.requestBegan(request.connection());
    request
        .response()
        .endHandler(
            end -> {
              connections.requestEnded(request.connection());
              discardRest(request);
              // Only the path is logged, because a query can hold a signature.
              log.debug(
                  "{} {} {} in {} us",
                  request.method(),
                  request.path(),
                  request.response().getStatusCode(),
                  (System.nanoTime() - startedNanos) / 1000);
            });
  }

  /** Discards the rest of the body of an answered request, up to a limit. */
  private static void discardRest(HttpServerRequest request) {
    if (request.isEnded()) {
      return;
    }
    long[] discarded = {0};
    request.handler(
        part -> {
          discarded[0] += part.length();
          if (discarded[0] > ApiLimits.MAX_DISCARDED_BODY_BYTES) {
            request.connection().close();
          }
        });
  }

  /** Answers a request that Netty's decoder could not read as HTTP. */
  private void handleInvalid(HttpServerRequest request) {
    Throwable cause = request.decoderResult().cause();
    RequestRefusedException refusal =
        switch (cause) {
          case TooLongHttpLineException ignored ->
              new RequestRefusedException(
                  RequestRefusedException.Kind.URI_TOO_LONG,
                  "the request line must be at most %d bytes"
                      .formatted(ApiLimits.MAX_REQUEST_LINE_BYTES));
          case TooLongHttpHeaderException ignored ->
              new RequestRefusedException(
                  RequestRefusedException.Kind.HEADERS_TOO_LARGE,
                  "the headers must be at most %d bytes".formatted(ApiLimits.MAX_HEADER_BYTES));
          case null, default ->
              new RequestRefusedException(
                  RequestRefusedException.Kind.BAD_REQUEST, "the request is not HTTP/1.1");
        };
    // Vert.x closes the connection itself once this answer is written.
    served.errors().of(refusal).send(request);
  }
}
