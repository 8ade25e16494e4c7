package io.gpurunner.agent.container.docker;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.PullFault;
import io.gpurunner.api.ImageReference;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Classifies the texts of the engine and of registries about a pull. A registry may be the user's
 * own, so its text decides only about the job that named it, and the user never reads it. Pure.
 */
final class PullErrors {
  /** A text, and what it means if it is in a message in small letters. */
  private record Sign(String text, PullFault fault) {}

  /** The first sign that is in the message decides. */
  private static final List<Sign> SIGNS =
      List.of(
          new Sign("toomanyrequests", PullFault.TOO_MANY),
          new Sign("too many requests", PullFault.TOO_MANY),
          new Sign("timeout", PullFault.NO_ANSWER),
          new Sign("deadline exceeded", PullFault.NO_ANSWER),
          new Sign("no such host", PullFault.NOT_REACHED),
          new Sign("connection", PullFault.NOT_REACHED),
          new Sign("no matching manifest", PullFault.NOT_FITTING),
          new Sign("unsupported manifest", PullFault.NOT_FITTING),
          new Sign("unsupported media type", PullFault.NOT_FITTING),
          new Sign("manifest unknown", PullFault.NOT_FOUND),
          new Sign("manifest for", PullFault.NOT_FOUND),
          new Sign("not found", PullFault.NOT_FOUND),
          new Sign("denied", PullFault.NOT_FOUND),
          new Sign("unauthorized", PullFault.NOT_FOUND),
          new Sign("authentication required", PullFault.NOT_FOUND),
          new Sign("no basic auth credentials", PullFault.NOT_FOUND),
          new Sign("does not exist", PullFault.NOT_FOUND),
          new Sign("invalid reference format", PullFault.NOT_FOUND),
          new Sign("repository name must", PullFault.NOT_FOUND));

  /**
   * What the engine says if it has no room for an image, with the file that it wrote. It is the
   * whole message: a registry's text stands behind the engine's words, and the names of a layer's
   * files stand before the error.
   */
  private static final Pattern NO_ROOM =
      Pattern.compile(
          "(?:failed to (?:register|extract) layer|(?:write|mkdir|open|sync|copy_file_range) /)"
              + ".*: (?:no space left on device|disk quota exceeded|read-only file system"
              + "|input/output error)(?:: unknown)?",
          Pattern.DOTALL);

  private PullErrors() {}

  /**
   * Returns the failure that a message means.
   *
   * @param message the engine's message, with what a registry said
   */
  static ContainerException of(ImageReference image, String message, @Nullable Throwable cause) {
    return ContainerException.of(
        faultOf(message),
        "pulling " + image,
        EngineErrors.bounded(message) + advice(image, message),
        cause);
  }

  static PullFault faultOf(String message) {
    String lower = message.strip().toLowerCase(Locale.ROOT);
    if (NO_ROOM.matcher(lower).matches()) {
      return PullFault.NO_ROOM;
    }
    return SIGNS.stream()
        .filter(sign -> lower.contains(sign.text()))
        .findFirst()
        .map(Sign::fault)
        .orElse(PullFault.NOT_REACHED);
  }

  /** Says what helps if the engine does not speak with a registry as the registry wants. */
  static String advice(ImageReference image, String message) {
    String lower = message.toLowerCase(Locale.ROOT);
    String repository = image.fullRepository();
    String registry = repository.substring(0, repository.indexOf('/'));
    if (lower.contains("certificate signed by unknown authority")) {
      return "; the container engine judges registries by files of its own: put the certificate of"
          + " the registry's authority in /etc/docker/certs.d/"
          + registry
          + "/ca.crt";
    }
    return lower.contains("server gave http response to https client")
        ? "; the registry speaks no TLS: name "
            + registry
            + " in the insecure-registries of"
            + " /etc/docker/daemon.json"
        : "";
  }
}
