package io.gpurunner.agent.cli;

import io.gpurunner.agent.config.HttpConfig;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.RequestOptions;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonObject;
import io.vertx.core.net.PemTrustOptions;
import java.net.ConnectException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Calls the agent that runs on this machine under the same configuration. */
final class AgentClient {
  private static final Duration CONNECT_LIMIT = Duration.ofSeconds(5);
  private static final Duration ANSWER_LIMIT = Duration.ofSeconds(60);
  private static final int MAX_MESSAGE_LENGTH = 4096;

  private final HttpClient client;
  private final HttpConfig config;
  private final String token;

  AgentClient(Vertx vertx, HttpConfig config, String token) {
    this.config = config;
    this.token = token;
    HttpClientOptions options =
        new HttpClientOptions()
            .setKeepAlive(false)
            .setConnectTimeout(Math.toIntExact(CONNECT_LIMIT.toMillis()));
    // The certificate names the public host, and not the loopback address that is used here. So
    // the configured certificate is trusted, and no other.
    config
        .tls()
        .ifPresent(
            tls ->
                options
                    .setSsl(true)
                    .setVerifyHost(false)
                    .setTrustOptions(
                        new PemTrustOptions().addCertPath(tls.certificate().toString())));
    this.client = vertx.createHttpClient(options);
  }

  /**
   * Posts a body.
   *
   * @return the {@code message} of the agent's answer
   * @throws CommandFailedException with the agent's own words, or if no agent answers
   */
  String post(String path, JsonObject body) {
    return message(send(HttpMethod.POST, path, body.toBuffer()));
  }

  /**
   * Gets an answer.
   *
   * @throws CommandFailedException with the agent's own words, or if no agent answers
   */
  JsonObject get(String path) {
    try {
      return new JsonObject(send(HttpMethod.GET, path, Buffer.buffer()));
    } catch (DecodeException notJson) {
      throw new CommandFailedException("the agent's answer is no JSON", notJson);
    }
  }

  private Buffer send(HttpMethod method, String path, Buffer body) {
    RequestOptions request =
        new RequestOptions()
            .setMethod(method)
            .setHost(reachableHost())
            .setPort(config.port())
            .setURI(path)
            .putHeader("Authorization", "Bearer " + token);
    // The calls are nested, so that the body is asked for on the event loop, before it can arrive.
    Future<Buffer> answer =
        client
            .request(request)
            .compose(
                ready ->
                    ready
                        .send(body)
                        .compose(response -> response.body().map(sent -> read(response, sent))));
    try {
      return answer
          .timeout(ANSWER_LIMIT.toMillis(), TimeUnit.MILLISECONDS)
          .toCompletionStage()
          .toCompletableFuture()
          .join();
    } catch (CompletionException failure) {
      throw readable(Optional.ofNullable(failure.getCause()).orElse(failure));
    }
  }

  private CommandFailedException readable(Throwable cause) {
    String where = reachableHost() + ":" + config.port();
    return switch (cause) {
      case CommandFailedException refused -> refused;
      case ConnectException absent ->
          new CommandFailedException(
              "no agent answers at "
                  + where
                  + "; start it with: gpurunner serve, or give the configuration that it runs with:"
                  + " --config FILE",
              absent);
      case TimeoutException late ->
          new CommandFailedException(
              "the agent at " + where + " did not answer within " + ANSWER_LIMIT.toSeconds() + " s",
              late);
      default ->
          new CommandFailedException("the agent at " + where + " did not answer: " + cause, cause);
    };
  }

  private static Buffer read(HttpClientResponse response, Buffer body) {
    if (response.statusCode() != 200) {
      throw new CommandFailedException(
          "the agent answered " + response.statusCode() + ": " + message(body));
    }
    return body;
  }

  private static String message(Buffer body) {
    String text = body.getString(0, Math.min(body.length(), MAX_MESSAGE_LENGTH));
    try {
      return Optional.ofNullable(new JsonObject(body).getString("message")).orElse(text);
    } catch (DecodeException | ClassCastException notJson) {
      return text;
    }
  }

  /**
   * Returns the host at which the agent is reached. An agent that listens on every address is
   * reached over loopback.
   */
  private String reachableHost() {
    return switch (config.host()) {
      case "0.0.0.0" -> "127.0.0.1";
      case "::" -> "::1";
      default -> config.host();
    };
  }
}
