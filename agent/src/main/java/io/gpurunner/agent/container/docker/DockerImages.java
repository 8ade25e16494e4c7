package io.gpurunner.agent.container.docker;

import com.fasterxml.jackson.databind.JsonNode;
import com.github.dockerjava.api.command.PullImageCmd;
import com.github.dockerjava.api.exception.DockerException;
import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.Images;
import io.gpurunner.api.ImageReference;
import io.gpurunner.storage.Cancellation;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The images of a Docker engine. If several callers pull an image at once, the engine pulls it
 * once. Thread-safe.
 */
final class DockerImages implements Images {
  /**
   * How long the answer of a registry counts for other jobs with the same image. A burst of jobs
   * asks once.
   */
  private static final Duration ANSWER_AGE = Duration.ofMinutes(1);

  /** The largest number of images whose last answer is remembered. */
  private static final int ANSWERS_LIMIT = 1_000;

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

  /** What the engine says if it has no room for an image, with the file that it wrote. */
  private static final Pattern NO_ROOM =
      Pattern.compile(
          "(?:failed to register layer|(?:write|mkdir|open|sync|copy_file_range) /).*"
              + "(?:no space left on device|disk quota exceeded|read-only file system|input/output"
              + " error)");

  private final EngineConnection connection;
  private final PullSettings settings;
  private final RegistryCredentials credentials;

  /** The pulls that run now, by the full name of the image. */
  private final Map<String, PullProgress> pulls = new ConcurrentHashMap<>();

  /** When the registry last answered for an image, in nanoseconds, by the full name. */
  private final Map<String, Long> answered = new ConcurrentHashMap<>();

  DockerImages(EngineConnection connection, PullSettings settings) {
    this.connection = connection;
    this.settings = settings;
    this.credentials = new RegistryCredentials(settings.credentialsFile());
  }

  /**
   * An image that the engine has.
   *
   * @param registryDigest the digest by which the image's registry knows it; empty if the image was
   *     made or imported here
   */
  private record Local(String id, Optional<String> registryDigest) {
    Found found(boolean pulled, Optional<String> note) {
      return new Found(id, registryDigest.orElse(id), pulled, note);
    }
  }

  @Override
  public Found ensurePresent(ImageReference image, Cancellation cancellation) {
    Optional<Local> here = find(image);
    if (here.isPresent() && !isAsked(image, here.get())) {
      return here.get().found(false, Optional.empty());
    }
    try {
      pull(image, here.isPresent() && settings.rule() == PullRule.NEWER, cancellation);
      answered(image);
    } catch (ContainerException e) {
      if (here.isEmpty() || settings.rule() != PullRule.NEWER || e.kind() == Kind.CANCELLED) {
        throw e;
      }
      return here.get()
          .found(
              false,
              Optional.of(
                  "the image that is on this machine is used, because its registry was asked in"
                      + " vain: "
                      + e.words()));
    }
    return find(image)
        .map(now -> now.found(!now.id().equals(here.map(Local::id).orElse("")), Optional.empty()))
        .orElseThrow(
            () ->
                new ContainerException(
                    Kind.FAILED,
                    "pulling " + image,
                    "the engine reports success, but has no such image"));
  }

  /** Returns whether the registry is asked for an image that is here. */
  private boolean isAsked(ImageReference image, Local here) {
    // The same digest is always the same image. An image without a digest was made here, and no
    // registry has it.
    boolean canChange = image.digest().isEmpty() && here.registryDigest().isPresent();
    return switch (settings.rule()) {
      case MISSING -> false;
      case NEWER -> canChange && !hasAnswered(image);
      case ALWAYS -> canChange;
    };
  }

  private boolean hasAnswered(ImageReference image) {
    Long at = answered.get(image.fullName());
    return at != null && System.nanoTime() - at < ANSWER_AGE.toNanos();
  }

  private void answered(ImageReference image) {
    if (answered.size() >= ANSWERS_LIMIT) {
      answered.clear(); // they are asked again, which costs one question each
    }
    answered.put(image.fullName(), System.nanoTime());
  }

  private Optional<Local> find(ImageReference image) {
    return connection.inspectImage(
        "looking for the image " + image, image.fullName(), answer -> local(image, answer));
  }

  private static Local local(ImageReference image, JsonNode answer) {
    Optional<String> digest = Optional.empty();
    for (JsonNode name : answer.path("RepoDigests")) {
      Optional<ImageReference> known = ImageReference.parse(name.asText());
      if (known.filter(of -> of.fullRepository().equals(image.fullRepository())).isPresent()) {
        digest = known.flatMap(ImageReference::digest);
      }
    }
    return new Local(answer.path("Id").asText(), digest);
  }

  @Override
  public Optional<String> progress(ImageReference image) {
    return Optional.ofNullable(pulls.get(image.fullName())).map(PullProgress::words);
  }

  /**
   * @param isHere whether an image of that name is here, so that its registry is not waited for
   *     long
   */
  private void pull(ImageReference image, boolean isHere, Cancellation cancellation) {
    String what = "pulling " + image;
    PullProgress progress = new PullProgress();
    try (EngineCall call = connection.open(CallLimits.PULL)) {
      LOG.info("{}", what);
      pulls.put(image.fullName(), progress);
      PullImageCmd command =
          call.docker().pullImageCmd(image.fullRepository()).withTag(tagOrDigest(image));
      credentials.of(image).ifPresent(command::withAuthConfig);
      command.exec(progress);
      while (!progress.awaitEnd(CallLimits.POLL)) {
        if (cancellation.isCancelled()) {
          throw new ContainerException(Kind.CANCELLED, what, "cancelled");
        }
        requireProgress(what, progress, isHere);
      }
      progress.refusal().ifPresent(message -> throwRefusal(image, message, null));
      progress
          .failure()
          .ifPresent(
              failure -> {
                if (failure instanceof DockerException answer) {
                  throwRefusal(image, EngineErrors.text(answer), answer);
                }
                throw failed(what, call, failure);
              });
    } finally {
      pulls.remove(image.fullName(), progress);
    }
  }

  private void requireProgress(String what, PullProgress progress, boolean isHere) {
    boolean waitsForRegistry = isHere && !progress.hasBegun();
    Duration limit = waitsForRegistry ? CallLimits.REGISTRY : settings.stall();
    if (progress.stalledNanos() > limit.toNanos()) {
      throw new ContainerException(
          Kind.FAILED,
          what,
          "no progress for " + limit.toSeconds() + " s; last: " + progress.lastWord());
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
            Kind.FAILED, what, "not done within " + CallLimits.PULL.toHours() + " hours", failure)
        : connection.failure(what, call, failure);
  }

  private static void throwRefusal(
      ImageReference image, String message, @Nullable Exception cause) {
    String what = "pulling " + image;
    String words = EngineErrors.bounded(message) + advice(image, message);
    throw cause == null
        ? new ContainerException(kindOf(message), what, words)
        : new ContainerException(kindOf(message), what, words, cause);
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

  private static Kind kindOf(String message) {
    String lower = message.toLowerCase(Locale.ROOT);
    if (NO_ROOM.matcher(lower).find()) {
      return Kind.MACHINE_UNFIT;
    }
    boolean passing = PASSING.stream().anyMatch(lower::contains);
    boolean isFinal = FINAL.stream().anyMatch(lower::contains);
    return isFinal && !passing ? Kind.REFUSED : Kind.FAILED;
  }
}
