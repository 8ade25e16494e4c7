package io.gpurunner.agent.container.docker;

import com.github.dockerjava.api.exception.DockerException;
import com.github.dockerjava.api.model.PullResponseItem;
import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.Images;
import io.gpurunner.api.ImageReference;
import io.gpurunner.storage.Cancellation;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The images of a Docker engine. Pulls are anonymous, so a private image must have been pulled by
 * the machine's administrator. If several callers pull an image at once, the engine pulls it once.
 * Thread-safe.
 */
final class DockerImages implements Images {
  private static final Logger LOG = LoggerFactory.getLogger(DockerImages.class);

  /** Texts of registries and the engine that mean that a retry does not help. */
  private static final List<String> FINAL =
      List.of(
          "manifest unknown",
          "manifest for",
          "not found",
          "denied",
          "unauthorized",
          "authentication required",
          "no basic auth credentials",
          "does not exist",
          "invalid reference format",
          "no matching manifest",
          "unsupported manifest",
          "unsupported media type",
          "repository name must");

  /**
   * Texts that mean that a retry may help, even if one of the texts above is in the message too.
   */
  private static final List<String> PASSING =
      List.of("no such host", "toomanyrequests", "too many requests", "timeout", "connection");

  private final EngineConnection connection;

  DockerImages(EngineConnection connection) {
    this.connection = connection;
  }

  @Override
  public void ensurePresent(ImageReference image, Cancellation cancellation) {
    if (isPresent(image)) {
      return;
    }
    LOG.info("pulling {}", image);
    pull(image, cancellation);
    if (!isPresent(image)) {
      throw new ContainerException(
          Kind.FAILED, "pulling " + image + ": the engine reports success, but has no such image");
    }
  }

  private boolean isPresent(ImageReference image) {
    return connection
        .inspect("looking for the image " + image, "/images/" + inPath(image) + "/json", _ -> true)
        .isPresent();
  }

  /**
   * Returns the reference as a part of a URL's path. Only the brackets of an address have to be
   * escaped.
   */
  private static String inPath(ImageReference image) {
    return image.toString().replace("[", "%5B").replace("]", "%5D");
  }

  private void pull(ImageReference image, Cancellation cancellation) {
    String what = "pulling " + image;
    Progress progress = new Progress();
    try (EngineCall call = connection.open(CallLimits.PULL)) {
      call.docker().pullImageCmd(image.name()).withTag(tagOrDigest(image)).exec(progress);
      while (!progress.awaitEnd(CallLimits.POLL)) {
        if (cancellation.isCancelled()) {
          throw new ContainerException(Kind.CANCELLED, what + ": cancelled");
        }
        if (progress.silenceNanos() > CallLimits.PULL_SILENCE.toNanos()) {
          throw new ContainerException(
              Kind.FAILED,
              what
                  + ": no progress for "
                  + CallLimits.PULL_SILENCE.toMinutes()
                  + " minutes; last: "
                  + progress.lastWord());
        }
      }
      progress.refusal().ifPresent(message -> throwRefusal(what, message, null));
      progress
          .failure()
          .ifPresent(
              failure -> {
                if (failure instanceof DockerException answer) {
                  throwRefusal(what, EngineErrors.text(answer), answer);
                }
                throw failed(what, call, failure);
              });
    }
  }

  /**
   * Returns the digest or tag to pull. A digest counts before a tag. Without either it is {@code
   * latest}, because a pull without a tag would fetch every tag of the repository.
   */
  static String tagOrDigest(ImageReference image) {
    return image.digest().or(image::tag).orElse("latest");
  }

  /** Translates a failed pull. A pull that took longer than the limit counts as failed. */
  private ContainerException failed(String what, EngineCall call, Throwable failure) {
    return call.timedOut()
        ? new ContainerException(
            Kind.FAILED,
            what + ": not done within " + CallLimits.PULL.toHours() + " hours",
            failure)
        : connection.failure(what, call, failure);
  }

  private static void throwRefusal(String what, String message, @Nullable Exception cause) {
    String lower = message.toLowerCase(Locale.ROOT);
    boolean passing = PASSING.stream().anyMatch(lower::contains);
    boolean isFinal = FINAL.stream().anyMatch(lower::contains);
    Kind kind = isFinal && !passing ? Kind.REFUSED : Kind.FAILED;
    String text = what + ": " + EngineErrors.bounded(message);
    throw cause == null
        ? new ContainerException(kind, text)
        : new ContainerException(kind, text, cause);
  }

  /** The engine's reports while it pulls. */
  private static final class Progress extends StreamCallback<PullResponseItem> {
    private volatile long lastNanos = System.nanoTime();
    private volatile String lastWord = "nothing";
    private volatile @Nullable String refusal;

    @Override
    public void onNext(PullResponseItem item) {
      lastNanos = System.nanoTime();
      if (item.getErrorDetail() != null && item.getErrorDetail().getMessage() != null) {
        refusal = item.getErrorDetail().getMessage();
      } else if (item.getStatus() != null) {
        lastWord = item.getStatus();
      }
    }

    long silenceNanos() {
      return System.nanoTime() - lastNanos;
    }

    String lastWord() {
      return lastWord;
    }

    /** Returns an error that came in the stream, after status 200. */
    Optional<String> refusal() {
      return Optional.ofNullable(refusal);
    }
  }
}
