package io.gpurunner.api;

import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServer;
import io.vertx.core.net.PemKeyCertOptions;
import io.vertx.core.net.ServerSSLOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks every few seconds at the files of the server's certificate and key. When they have changed,
 * new connections get the new certificate, and open ones go on. Files that cannot be used change
 * nothing: the server goes on with what it has, and the fault is logged and reported. Started and
 * stopped once. Not thread-safe except {@link #fault}.
 */
final class CertificateRenewal {
  private static final Logger log = LoggerFactory.getLogger(CertificateRenewal.class);

  private final Vertx vertx;
  private final HttpServer server;
  private final ServerSSLOptions options;
  private final ApiSettings.TlsFiles files;
  private Optional<Content> inUse = Optional.empty();
  private boolean looking;
  private Optional<Long> timer = Optional.empty();
  private volatile Optional<String> fault = Optional.empty();

  /** What is in the two files. */
  private record Content(Buffer certificate, Buffer key) {
    PemKeyCertOptions options() {
      return new PemKeyCertOptions().setCertValue(certificate).setKeyValue(key);
    }
  }

  /** Says why the files cannot be used. */
  private static final class UnusableException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    UnusableException(String why) {
      super(why);
    }
  }

  /**
   * @param options those with which the server was started
   */
  CertificateRenewal(
      Vertx vertx, HttpServer server, ServerSSLOptions options, ApiSettings.TlsFiles files) {
    this.vertx = vertx;
    this.server = server;
    this.options = options;
    this.files = files;
  }

  /** Starts to look at the files. Called on the event loop of the server. */
  void start() {
    timer = Optional.of(vertx.setPeriodic(files.interval().toMillis(), tick -> look()));
  }

  /** Ends the looks. */
  void stop() {
    timer.ifPresent(vertx::cancelTimer);
  }

  /** Returns why the newest files are not used. It is empty if they are. */
  Optional<String> fault() {
    return fault;
  }

  private void look() {
    if (looking) {
      return; // the disk of the files hangs
    }
    looking = true;
    Optional<Content> before = inUse;
    vertx
        .executeBlocking(() -> usable(before), false)
        .compose(content -> content.equals(before) ? Future.<Void>succeededFuture() : use(content))
        .onComplete(
            done -> {
              looking = false;
              if (done.succeeded()) {
                fault = Optional.empty();
              } else {
                report(done.cause());
              }
            });
  }

  /** Reads the files, and checks them if they have changed. */
  private Optional<Content> usable(Optional<Content> before) {
    Content content;
    try {
      content =
          new Content(
              Buffer.buffer(Files.readAllBytes(files.certificate())),
              Buffer.buffer(Files.readAllBytes(files.key())));
    } catch (IOException unreadable) {
      throw new UnusableException("they cannot be read (" + unreadable + ")");
    }
    if (before.filter(content::equals).isPresent()) {
      return before;
    }
    boolean together;
    try {
      together =
          ServerKeys.belongTogether(content.options().getKeyManagerFactory(vertx).getKeyManagers());
    } catch (Exception notOne) {
      throw new UnusableException("they hold no certificate and key in PEM form that can be used");
    }
    if (!together) {
      throw new UnusableException("the key does not belong to the certificate");
    }
    return Optional.of(content);
  }

  private Future<Void> use(Optional<Content> content) {
    return server
        .updateSSLOptions(options.copy().setKeyCertOptions(content.orElseThrow().options()), true)
        .onSuccess(
            updated -> {
              if (inUse.isPresent()) {
                log.info("the API uses the new certificate in {}", files.certificate());
              }
              inUse = content;
            })
        .mapEmpty();
  }

  private void report(Throwable cause) {
    String why =
        "the API goes on with its old certificate, because the new files %s and %s cannot be used: %s; replace both"
            .formatted(
                files.certificate(),
                files.key(),
                cause instanceof UnusableException ? cause.getMessage() : cause.toString());
    if (fault.filter(why::equals).isEmpty()) {
      log.warn("{}", why);
    }
    fault = Optional.of(why);
  }
}
