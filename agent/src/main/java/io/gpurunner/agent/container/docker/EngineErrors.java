package io.gpurunner.agent.container.docker;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.github.dockerjava.api.exception.DockerException;
import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import java.net.URI;
import java.time.Duration;
import java.util.Locale;

/**
 * Translates the library's exceptions to {@link ContainerException}, with the engine's own words.
 * Pure.
 */
final class EngineErrors {
  private static final ObjectMapper JSON = new ObjectMapper();

  /**
   * The longest message that is passed on. The engine repeats what an untrusted image or command
   * said.
   */
  private static final int MESSAGE_CHARACTERS = 2000;

  /** Texts of the engine for an image without entrypoint and command (moby, in both spellings). */
  private static final String NO_COMMAND = "no command specified";

  private EngineErrors() {}

  static ContainerException of(URI host, String what, Throwable cause) {
    if (cause instanceof DockerException answer) {
      return new ContainerException(kind(answer), what, advised(text(answer)), cause);
    }
    if (isUnreadable(cause)) {
      return new ContainerException(
          Kind.FAILED, what, "the engine's answer cannot be read: " + cause.getMessage(), cause);
    }
    return unreachable(host, what, cause);
  }

  private static boolean isUnreadable(Throwable failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof JsonProcessingException) {
        return true;
      }
    }
    return false;
  }

  static ContainerException timedOut(URI host, String what, Duration limit, Throwable cause) {
    return new ContainerException(
        Kind.UNREACHABLE,
        what,
        "the container engine at " + host + " did not answer within " + limit.toSeconds() + " s",
        cause);
  }

  private static ContainerException unreachable(URI host, String what, Throwable cause) {
    Throwable root = cause;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    String why = root.getMessage() == null ? root.getClass().getSimpleName() : root.getMessage();
    String advice =
        why.toLowerCase(Locale.ROOT).contains("permission denied")
            ? "; the agent's account must be allowed to open it (group docker)"
            : "; is the Docker engine running there? (key docker.host)";
    return new ContainerException(
        Kind.UNREACHABLE,
        what,
        "no answer from the container engine at " + host + " (" + why + ")" + advice,
        cause);
  }

  private static Kind kind(DockerException answer) {
    int status = answer.getHttpStatus();
    // A start is answered with 404 too if its network is not there.
    if (status == 404) {
      return EngineMessage.in(text(answer))
          .map(message -> message.side().kind())
          .orElse(Kind.ABSENT);
    }
    // 409: the call does not fit the present state, which may pass.
    if (status == 409 || status == 429) {
      return Kind.FAILED;
    }
    // The status alone is no proof against the job: an engine says 400 for its own troubles, too.
    return EngineMessage.in(text(answer)).map(message -> message.side().kind()).orElse(Kind.FAILED);
  }

  /** Adds advice for the job's author if the engine's words lack it. */
  private static String advised(String words) {
    return words.toLowerCase(Locale.ROOT).contains(NO_COMMAND)
        ? words + "; give runCommand, or an image with an ENTRYPOINT or CMD"
        : words;
  }

  /** Returns the engine's own words: {@code message} of its JSON answer, or the answer as it is. */
  static String text(DockerException answer) {
    String body = answer.getMessage() == null ? "" : answer.getMessage();
    int brace = body.indexOf('{');
    if (brace >= 0) {
      try {
        JsonNode message = JSON.readTree(body.substring(brace)).path("message");
        if (message.isTextual()) {
          return bounded(message.asText());
        }
      } catch (JsonProcessingException notJson) {
        return bounded(body);
      }
    }
    return body.isBlank() ? "status " + answer.getHttpStatus() : bounded(body);
  }

  static String bounded(String message) {
    String stripped = message.strip();
    return stripped.length() <= MESSAGE_CHARACTERS
        ? stripped
        : stripped.substring(0, MESSAGE_CHARACTERS) + "…";
  }
}
