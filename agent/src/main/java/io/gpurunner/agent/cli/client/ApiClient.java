package io.gpurunner.agent.cli.client;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpurunner.agent.cli.terminal.Plain;
import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.HttpURLConnection;
import java.net.NoRouteToHostException;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLException;

/**
 * Calls an agent over HTTP. It is built on HttpURLConnection, because that starts faster than
 * Java's newer client and than Vert.x. One command uses it, on one thread.
 */
public final class ApiClient {
  /** The longest answer that is read, except for logs and artifacts. */
  static final int ANSWER_LIMIT_BYTES = 16 << 20;

  /** How often a create is sent, if the connection breaks before its answer. */
  static final int CREATE_TRIES = 4;

  private static final Duration CONNECT_LIMIT = Duration.ofSeconds(5);
  private static final Duration ANSWER_LIMIT = Duration.ofSeconds(60);

  /** The agent sends a comment every 15 s. */
  private static final Duration SILENCE_LIMIT = Duration.ofSeconds(50);

  private static final Duration CREATE_PAUSE = Duration.ofSeconds(1);
  private static final int MAX_MESSAGE_LENGTH = 4096;

  private static final String NOT_KNOWN =
      "it is not known whether the job was created, see: gpurunner ls";

  static {
    // HttpURLConnection would send a POST again without saying so.
    System.setProperty("sun.net.http.retryPost", "false");
  }

  private final AgentAddress address;
  private final Surroundings around;
  private final Duration patience;

  /**
   * An answer.
   *
   * @param text the body
   */
  public record Answer(String text) {
    /**
     * Returns the JSON.
     *
     * @throws UnreachableException if it is none, as from a proxy
     */
    public JsonNode json() {
      return Json.parse(text)
          .orElseThrow(
              () -> new UnreachableException("what answered is no agent: it sent no JSON"));
    }

    /** Returns the JSON as it is printed for programs. */
    public String printable() {
      return Plain.json(text.strip());
    }
  }

  ApiClient(AgentAddress address, Surroundings around) {
    this(address, around, Patience.LIMIT);
  }

  private ApiClient(AgentAddress address, Surroundings around, Duration patience) {
    this.address = address;
    this.around = around;
    this.patience = patience;
  }

  /**
   * Returns a client that waits for no busy agent, and prints nothing. Its caller shows each
   * refusal, and calls again.
   */
  public ApiClient withoutPatience() {
    return new ApiClient(address, around, Duration.ZERO);
  }

  public AgentAddress address() {
    return address;
  }

  /** Returns a value in the form in which it can be a part of a path or a query. */
  public static String encoded(String value) {
    return URLEncoder.encode(value, StandardCharsets.UTF_8).replace("+", "%20");
  }

  /**
   * Gets an answer.
   *
   * @param path the path, with a query
   * @throws AgentRefusedException with the agent's words
   * @throws UnreachableException if no agent answers
   */
  public Answer get(String path) {
    return reading(() -> connectedAnswer(open("GET", path)));
  }

  /**
   * Posts a body.
   *
   * @throws AgentRefusedException with the agent's words
   * @throws UnreachableException if no agent answers
   */
  public Answer post(String path, ObjectNode body) {
    return calling(() -> sent(open("POST", path), Json.write(body)));
  }

  /** Posts a body, and returns the {@code message} of the answer. */
  public String order(String path, ObjectNode body) {
    Answer answer = post(path, body);
    return Plain.line(Json.text(answer.json(), "message").orElse(answer.text()));
  }

  /**
   * Creates a job. If the connection breaks, the request is sent again with the same key, so that
   * there is one job however often it is sent.
   *
   * @param body JSON
   * @throws AgentRefusedException with the agent's words
   * @throws UnreachableException if no agent answers
   */
  public Answer create(String body) {
    String key = UUID.randomUUID().toString();
    Patience waiting = waiting();
    for (int attempt = 1; ; attempt++) {
      try {
        return waiting.make(() -> sent(opened(key), body));
      } catch (AgentRefusedException refused) {
        if (!refused.leavesOpen() && (attempt == 1 || !refused.mayPass())) {
          throw refused;
        }
        if (attempt == CREATE_TRIES) {
          throw new UnreachableException(refused.getMessage() + "; " + NOT_KNOWN, refused);
        }
        around.pause().accept(CREATE_PAUSE);
      } catch (IOException broken) {
        if (attempt == 1 && broken instanceof NotConnectedException) {
          throw unreachable(broken, address.url(), "nothing was sent; " + address.checks());
        }
        if (attempt == CREATE_TRIES) {
          throw unreachable(broken, address.url(), NOT_KNOWN + "; and " + address.checks());
        }
        around.pause().accept(CREATE_PAUSE);
      }
    }
  }

  private HttpURLConnection opened(String key) throws IOException {
    HttpURLConnection connection = open("POST", "/api/userJob");
    connection.setRequestProperty("Idempotency-Key", key);
    return connection;
  }

  /**
   * Opens a stream of events.
   *
   * @param lastEventId the event after which the stream begins
   * @throws AgentRefusedException with the agent's words
   * @throws UnreachableException if no agent answers
   */
  public EventStream events(String path, Optional<String> lastEventId) {
    return reading(
        () -> {
          HttpURLConnection connection = open("GET", path);
          connection.setRequestProperty("Accept", "text/event-stream");
          connection.setReadTimeout(Math.toIntExact(SILENCE_LIMIT.toMillis()));
          lastEventId.ifPresent(id -> connection.setRequestProperty("Last-Event-ID", id));
          connect(connection);
          requireOk(connection);
          return new EventStream(connection.getInputStream());
        });
  }

  /**
   * Opens a file behind a URL that the agent has signed. No token is sent there.
   *
   * @param url may be relative to the agent's URL
   * @throws CommandFailedException if it cannot be fetched
   */
  public InputStream download(String url) {
    URI target;
    try {
      target = URI.create(address.url() + "/").resolve(url);
    } catch (IllegalArgumentException noUrl) {
      // The signature of a URL opens the file, so no message has it.
      throw new CommandFailedException("what the agent sent for the file is no URL", noUrl);
    }
    try {
      return waiting().read(() -> opened(target));
    } catch (IOException failure) {
      throw unreachable(failure, target.getScheme() + "://" + server(target), "try again");
    }
  }

  private InputStream opened(URI target) throws IOException {
    HttpURLConnection connection = prepared(target, isAgent(target));
    connection.setInstanceFollowRedirects(true);
    connect(connection);
    requireOk(connection);
    return connection.getInputStream();
  }

  /** Returns the host and the port, without a name and a password before them. */
  private static String server(URI target) {
    return String.valueOf(target.getRawAuthority()).replaceFirst(".*@", "");
  }

  /** Makes a call that changes nothing. A proxy that lost the agent counts as no agent. */
  private <T> T reading(Patience.Call<T> call) {
    try {
      return waiting().read(call);
    } catch (AgentRefusedException refused) {
      if (refused.lostAgent()) {
        throw new UnreachableException(refused.getMessage() + "; " + address.checks(), refused);
      }
      throw refused;
    } catch (IOException failure) {
      throw unreachable(failure);
    }
  }

  private <T> T calling(Patience.Call<T> call) {
    try {
      return waiting().make(call);
    } catch (IOException failure) {
      throw unreachable(failure);
    }
  }

  private Patience waiting() {
    return new Patience(around, patience);
  }

  private HttpURLConnection open(String method, String path) throws IOException {
    HttpURLConnection connection = prepared(URI.create(address.url() + path), true);
    connection.setRequestMethod(method);
    connection.setInstanceFollowRedirects(false);
    connection.setRequestProperty("Authorization", "Bearer " + address.token().get());
    return connection;
  }

  /** Returns whether a URL leads to the agent itself. The store may be another server. */
  private boolean isAgent(URI target) {
    URI agent = URI.create(address.url());
    return Objects.equals(agent.getScheme(), target.getScheme())
        && Objects.equals(agent.getRawAuthority(), target.getRawAuthority());
  }

  /**
   * @param own whether it is the agent, to which the trust in its certificate is limited
   */
  private HttpURLConnection prepared(URI target, boolean own) throws IOException {
    HttpURLConnection connection = (HttpURLConnection) target.toURL().openConnection();
    if (own && connection instanceof HttpsURLConnection secure) {
      address.trust().ifPresent(trust -> trust.apply(secure));
    }
    connection.setConnectTimeout(Math.toIntExact(CONNECT_LIMIT.toMillis()));
    connection.setReadTimeout(Math.toIntExact(ANSWER_LIMIT.toMillis()));
    return connection;
  }

  /**
   * Opens the connection, up to its encryption.
   *
   * @throws NotConnectedException if that fails; nothing was sent then
   */
  private static void connect(HttpURLConnection connection) throws NotConnectedException {
    try {
      connection.connect();
    } catch (IOException failure) {
      throw new NotConnectedException(failure);
    }
  }

  private Answer sent(HttpURLConnection connection, String body) throws IOException {
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    connection.setDoOutput(true);
    connection.setRequestProperty("Content-Type", "application/json");
    connect(connection);
    connection.getOutputStream().write(bytes);
    return answer(connection);
  }

  private Answer connectedAnswer(HttpURLConnection connection) throws IOException {
    connect(connection);
    return answer(connection);
  }

  private Answer answer(HttpURLConnection connection) throws IOException {
    requireOk(connection);
    try (InputStream in = connection.getInputStream()) {
      byte[] bytes = in.readNBytes(ANSWER_LIMIT_BYTES + 1);
      if (bytes.length > ANSWER_LIMIT_BYTES) {
        throw new UnreachableException(
            "the agent's answer is larger than "
                + (ANSWER_LIMIT_BYTES >> 20)
                + " MiB; ask for less, for example with --limit");
      }
      return new Answer(new String(bytes, StandardCharsets.UTF_8));
    }
  }

  private void requireOk(HttpURLConnection connection) throws IOException {
    int status = connection.getResponseCode();
    if (status != HttpURLConnection.HTTP_OK) {
      String hint =
          status == HttpURLConnection.HTTP_UNAUTHORIZED
              ? " (the token came from " + address.tokenSource() + ")"
              : "";
      throw new AgentRefusedException(
          status,
          message(connection),
          hint,
          Optional.ofNullable(connection.getHeaderField("Retry-After")));
    }
  }

  private static String message(HttpURLConnection connection) throws IOException {
    try (InputStream in = connection.getErrorStream()) {
      byte[] bytes = in == null ? new byte[0] : in.readNBytes(MAX_MESSAGE_LENGTH);
      String text = new String(bytes, StandardCharsets.UTF_8);
      return Plain.line(
          Json.parse(text).flatMap(body -> Json.text(body, "message")).orElse(text.strip()));
    }
  }

  private UnreachableException unreachable(IOException failure) {
    return unreachable(failure, address.url(), address.checks());
  }

  private static UnreachableException unreachable(IOException failure, String url, String checks) {
    String why =
        switch (failure) {
          case NotConnectedException absent -> notConnected(absent.why(), url);
          case ConnectException gone -> "no agent answers at " + url;
          case SocketTimeoutException late -> "the agent at " + url + " did not answer in time";
          default -> "the connection to " + url + " broke: " + words(failure);
        };
    return new UnreachableException(why + "; " + checks, failure);
  }

  private static String notConnected(IOException failure, String url) {
    return switch (failure) {
      case ConnectException absent -> "no agent answers at " + url;
      case NoRouteToHostException absent -> "no agent answers at " + url;
      case SocketTimeoutException silent ->
          "no agent answers at " + url + " within " + CONNECT_LIMIT.toSeconds() + " s";
      case UnknownHostException unknown ->
          "nothing answers at " + url + ", because no host has this name";
      case SSLException refused -> "no safe connection to " + url + ": " + words(refused);
      default -> "no connection to " + url + ": " + words(failure);
    };
  }

  private static String words(IOException failure) {
    return Plain.line(String.valueOf(failure.getMessage()));
  }
}
