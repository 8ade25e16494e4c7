package io.gpurunner.agent.callback;

import io.gpurunner.agent.callback.AddressPolicy.Verdict;
import io.gpurunner.agent.callback.CallbackResult.Delivered;
import io.gpurunner.agent.callback.CallbackResult.Failed;
import io.gpurunner.agent.callback.CallbackResult.Forbidden;
import io.gpurunner.agent.callback.CallbackResult.Rejected;
import io.gpurunner.api.WebAuthority;
import io.gpurunner.storage.RefusedCertificateException;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.RequestOptions;
import io.vertx.core.net.ProxyOptions;
import io.vertx.core.net.ProxyType;
import io.vertx.core.net.SocketAddress;
import io.vertx.core.net.TrustOptions;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import javax.net.ssl.TrustManager;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends callbacks over HTTP, as contract section 5 says. The host is resolved and judged at every
 * try. The connection goes to exactly the address that was judged, so it does not help to change a
 * name's address in between. If a proxy is configured, it is used for receivers outside the machine
 * and its private networks. It resolves the name itself, so its own rules count too. Proxies of the
 * environment are not used. Only the status of the answer counts. Its text never reaches a job's
 * events, because it would show the answer of an internal server to the user who made the agent
 * call it. Thread-safe.
 */
public final class HttpCallbackSender implements CallbackSender, AutoCloseable {
  /** The largest length of an answer's headers. Proxies add cookies and policies of their own. */
  private static final int MAX_HEADER_BYTES = 64 << 10;

  private static final Logger log = LoggerFactory.getLogger(HttpCallbackSender.class);

  private final HttpClient client;
  private final AddressPolicy policy;
  private final CallbackSignature signature;
  private final UserKeys userKeys;
  private final Clock clock;
  private final CallbackLimits limits;
  private final Optional<URI> proxy;

  /**
   * @param key the bytes of {@code <state-dir>/secrets/callback.key}
   * @param proxy the HTTP proxy to receivers outside the machine and its private networks
   * @param trust judges the certificates of receivers
   */
  public HttpCallbackSender(
      Vertx vertx,
      AddressPolicy policy,
      byte[] key,
      Clock clock,
      Optional<URI> proxy,
      TrustManager trust) {
    this(vertx, policy, key, clock, CallbackLimits.DEFAULT, proxy, trust);
  }

  HttpCallbackSender(
      Vertx vertx,
      AddressPolicy policy,
      byte[] key,
      Clock clock,
      CallbackLimits limits,
      Optional<URI> proxy,
      TrustManager trust) {
    this.policy = policy;
    this.signature = new CallbackSignature(key);
    this.userKeys = new UserKeys(key);
    this.clock = clock;
    this.limits = limits;
    this.proxy = proxy;
    HttpClientOptions options =
        new HttpClientOptions()
            .setTrustOptions(TrustOptions.wrap(trust))
            .setVerifyHost(true)
            .setTrustAll(false)
            .setKeepAlive(false)
            .setMaxHeaderSize(MAX_HEADER_BYTES)
            .setConnectTimeout(Math.toIntExact(limits.connect().toMillis()))
            .setSslHandshakeTimeout(limits.connect().toMillis())
            .setSslHandshakeTimeoutUnit(TimeUnit.MILLISECONDS);
    this.client =
        vertx
            .httpClientBuilder()
            .with(options)
            // The result of the request says why a connection broke. Receivers' faults are not
            // logged.
            .withConnectHandler(
                connection -> {
                  InterimResponses.ignoreOn(connection);
                  connection.exceptionHandler(broken -> {});
                })
            .build();
  }

  @Override
  public CallbackResult send(CallbackDelivery delivery) {
    return switch (policy.judge(delivery.url())) {
      case Verdict.Refused refused -> new Forbidden(refused.reason());
      case Verdict.Unresolved unresolved ->
          proxy
              .map(way -> sendByProxy(delivery, way))
              .orElseGet(() -> new Failed(unresolved.reason()));
      case Verdict.Allowed allowed ->
          proxy
              .filter(way -> allowed.addresses().stream().noneMatch(AddressBits::isNear))
              .map(way -> sendByProxy(delivery, way))
              .orElseGet(() -> sendToAny(delivery, allowed.addresses()));
    };
  }

  @Override
  public void close() {
    client.close();
  }

  /**
   * Tries the addresses in turn. The next address is tried only if there was no connection to the
   * one before.
   */
  private CallbackResult sendToAny(CallbackDelivery delivery, List<InetAddress> addresses) {
    CallbackResult last = new Failed("the host has no address");
    for (InetAddress address :
        addresses.subList(0, Math.min(addresses.size(), limits.addresses()))) {
      RequestOptions options = options(delivery);
      options.setServer(
          SocketAddress.inetSocketAddress(options.getPort(), address.getHostAddress()));
      Attempt attempt = attempt(delivery, options, "to " + address.getHostAddress());
      if (attempt.connected()) {
        return attempt.result();
      }
      last = attempt.result();
    }
    return last;
  }

  private CallbackResult sendByProxy(CallbackDelivery delivery, URI way) {
    RequestOptions options =
        options(delivery)
            .setProxyOptions(
                new ProxyOptions()
                    .setType(ProxyType.HTTP)
                    .setHost(way.getHost())
                    .setPort(way.getPort()));
    return switch (attempt(delivery, options, "by the proxy " + way).result()) {
      // The answer may be the proxy's own.
      case Rejected rejected ->
          new Rejected(rejected.status(), rejected.reason() + " (by the proxy " + way + ")");
      case Delivered delivered -> delivered;
      case Failed failed -> failed;
      case Forbidden forbidden -> forbidden;
    };
  }

  /**
   * One try.
   *
   * @param connected whether there was a connection, so that the receiver may have got the callback
   */
  private record Attempt(boolean connected, CallbackResult result) {}

  private Attempt attempt(CallbackDelivery delivery, RequestOptions options, String where) {
    Future<HttpClientRequest> connecting = client.request(options);
    try {
      return new Attempt(true, exchange(await(connecting, limits.connect()), delivery.body()));
    } catch (CompletionException failure) {
      // Nobody waits for this connection. If it comes later, it is closed.
      connecting.onSuccess(HttpCallbackSender::hangUp);
      return new Attempt(
          false, new Failed("cannot connect " + where + ": " + why(failure, limits.connect())));
    }
  }

  private CallbackResult exchange(HttpClientRequest request, String body) {
    try {
      Promise<Void> drained = Promise.promise();
      // This is registered before the request is sent. On a busy machine the answer could
      // otherwise be over already.
      Future<Integer> answered = request.response().map(answer -> drain(answer, drained));
      request.send(body);
      int status = await(answered, limits.response());
      try {
        await(drained.future(), limits.drain());
      } catch (CompletionException tooMuch) {
        // Only the status counts, and it has been read.
      }
      return result(status);
    } catch (CompletionException failure) {
      return new Failed("no answer: " + why(failure, limits.response()));
    } finally {
      hangUp(request);
    }
  }

  private static CallbackResult result(int status) {
    if (status >= 200 && status < 300) {
      return new Delivered(status);
    }
    return status >= 300 && status < 400
        ? new Rejected(
            status,
            "answered "
                + status
                + "; redirects are not followed, callbackUrl must be the final URL")
        : new Rejected(status, "answered " + status + " where any 2xx was expected");
  }

  /**
   * Reads a small answer whole, because some receivers stop their work when the caller closes the
   * connection. A long or slow answer is not waited for. Runs on the event loop, before the
   * answer's first byte.
   */
  private int drain(HttpClientResponse answer, Promise<Void> drained) {
    AtomicLong bytes = new AtomicLong();
    answer.handler(
        chunk -> {
          if (bytes.addAndGet(chunk.length()) > limits.drainBytes()) {
            drained.tryComplete();
            hangUp(answer.request());
          }
        });
    answer.exceptionHandler(broken -> drained.tryComplete());
    answer.endHandler(end -> drained.tryComplete());
    return answer.statusCode();
  }

  private RequestOptions options(CallbackDelivery delivery) {
    URI url = delivery.url();
    boolean tls = "https".equals(url.getScheme().toLowerCase(Locale.ROOT));
    WebAuthority authority = WebAuthority.of(url).orElseThrow();
    int port = authority.port().orElse(tls ? 443 : 80);
    long timestamp = clock.instant().getEpochSecond();
    RequestOptions options =
        new RequestOptions()
            .setMethod(HttpMethod.POST)
            .setHost(authority.host())
            .setPort(port)
            .setSsl(tls)
            .setURI(target(url))
            .setFollowRedirects(false)
            .addHeader("Content-Type", "application/json")
            .addHeader("User-Agent", "gpurunner")
            .addHeader("X-Gpurunner-Delivery", delivery.deliveryId())
            .addHeader("X-Gpurunner-Timestamp", Long.toString(timestamp))
            .addHeader("X-Gpurunner-Signature-256", signature.of(timestamp, delivery.body()));
    delivery
        .user()
        .ifPresent(
            user ->
                options.addHeader(
                    "X-Gpurunner-User-Signature-256",
                    userKeys.signature(user).of(timestamp, delivery.body())));
    return options;
  }

  private static String target(URI url) {
    // Non-ASCII letters are legal in a java.net.URI but not in a request line.
    URI ascii = URI.create(url.toASCIIString());
    String path =
        Optional.ofNullable(ascii.getRawPath()).filter(text -> !text.isEmpty()).orElse("/");
    return Optional.ofNullable(ascii.getRawQuery()).map(query -> path + "?" + query).orElse(path);
  }

  private static <T> T await(Future<T> future, Duration limit) {
    return future
        .timeout(limit.toMillis(), TimeUnit.MILLISECONDS)
        .toCompletionStage()
        .toCompletableFuture()
        .join();
  }

  private static void hangUp(HttpClientRequest request) {
    request.connection().close();
  }

  private static String why(CompletionException failure, Duration limit) {
    Throwable cause = Optional.ofNullable(failure.getCause()).orElse(failure);
    if (cause instanceof TimeoutException) {
      return "nothing within " + limit.toSeconds() + " s";
    }
    if (cause instanceof ConnectException && cause.getCause() != null) {
      cause = cause.getCause(); // netty adds the address, which the message has already
    }
    Optional<RefusedCertificateException> refused = RefusedCertificateException.in(cause);
    if (refused.isPresent()) {
      log.info("a callback was not sent: {}", refused.get().getMessage());
      return refused.get().check();
    }
    return Optional.ofNullable(cause.getMessage()).orElse(cause.getClass().getSimpleName());
  }
}
