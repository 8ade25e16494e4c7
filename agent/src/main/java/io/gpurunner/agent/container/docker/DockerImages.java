package io.gpurunner.agent.container.docker;

import com.fasterxml.jackson.databind.JsonNode;
import com.github.dockerjava.api.command.PullImageCmd;
import com.github.dockerjava.api.exception.DockerException;
import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.Images;
import io.gpurunner.agent.container.PullFault;
import io.gpurunner.agent.container.RegistryAccess;
import io.gpurunner.api.ImageReference;
import io.gpurunner.api.Shown;
import io.gpurunner.storage.Cancellation;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
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

  private final EngineConnection connection;
  private final PullSettings settings;
  private final RegistryCredentials credentials;

  /** The pulls that run now, by the full name of the image. */
  private final Map<String, PullProgress> pulls = new ConcurrentHashMap<>();

  /** When the registry last answered, in nanoseconds, by what it was asked. */
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
  public Found ensurePresent(
      ImageReference image, RegistryAccess access, Cancellation cancellation) {
    Optional<Local> here = find(image);
    boolean isGuarded = isGuarded(image, here, access);
    boolean isAsked =
        here.isEmpty()
            || (isGuarded ? !hasAnswered(image, access) : isAsked(image, here.get(), access));
    if (!isAsked) {
      return here.get().found(false, Optional.empty());
    }
    boolean mayBeOld = here.isPresent() && !isGuarded && settings.rule() == PullRule.NEWER;
    try {
      access.requireAllowed(image);
      if (isGuarded && here.isPresent() && image.digest().isPresent() && !access.mayLogIn(image)) {
        requireGiven(image);
      } else {
        pull(image, access, mayBeOld, cancellation);
      }
      answered(image, access);
    } catch (ContainerException e) {
      if (!mayBeOld || e.kind() == Kind.CANCELLED) {
        boolean lacksGrant =
            isGuarded && !access.mayLogIn(image) && e.words().equals(PullFault.NOT_FOUND.words());
        throw lacksGrant
            ? ContainerException.of(PullFault.NOT_GRANTED, "asking for " + image, text(e), e)
            : e;
      }
      LOG.info(
          "the registry of {} was asked in vain, and the image that is here is used: {}",
          image,
          Shown.logged(text(e)));
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
                ContainerException.of(
                    PullFault.NOT_KEPT,
                    "pulling " + image,
                    "the engine reports success, but has no such image"));
  }

  /**
   * Returns whether an image is used only after its registry has given it to the user, because this
   * machine has a password for the registry. An image that was made here is the machine's own, and
   * those who may use the password may use it.
   */
  private boolean isGuarded(ImageReference image, Optional<Local> here, RegistryAccess access) {
    boolean isMadeHere = here.filter(local -> local.registryDigest().isEmpty()).isPresent();
    return !image.isOfficial() && !(isMadeHere && access.mayLogIn(image)) && credentials.has(image);
  }

  /** A pull would not ask the registry for a digest that the engine has. */
  private void requireGiven(ImageReference image) {
    String what = "asking for " + image;
    boolean isGiven;
    try {
      isGiven = connection.isGivenByRegistry(what, image.fullName());
    } catch (ContainerException e) {
      throw e.kind() == Kind.UNREACHABLE ? e : PullErrors.of(image, text(e), e);
    }
    if (!isGiven) {
      throw ContainerException.of(PullFault.NOT_FOUND, what, "its registry has no such image");
    }
  }

  /** Returns whether the registry is asked for an image that is here. */
  private boolean isAsked(ImageReference image, Local here, RegistryAccess access) {
    // The same digest is always the same image. An image without a digest was made here, and no
    // registry has it.
    boolean canChange = image.digest().isEmpty() && here.registryDigest().isPresent();
    return switch (settings.rule()) {
      case MISSING -> false;
      case NEWER -> canChange && !hasAnswered(image, access);
      case ALWAYS -> canChange;
    };
  }

  private boolean hasAnswered(ImageReference image, RegistryAccess access) {
    Long at = answered.get(question(image, access));
    return at != null && System.nanoTime() - at < ANSWER_AGE.toNanos();
  }

  private void answered(ImageReference image, RegistryAccess access) {
    if (answered.size() >= ANSWERS_LIMIT) {
      answered.clear(); // they are asked again, which costs one question each
    }
    answered.put(question(image, access), System.nanoTime());
  }

  /** A registry may answer those with a password and those without in different ways. */
  private static String question(ImageReference image, RegistryAccess access) {
    return (access.mayLogIn(image) ? "with password " : "without password ") + image.fullName();
  }

  private static String text(ContainerException e) {
    return String.valueOf(e.getMessage());
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
   * @param mayBeOld whether an image that is here is used if this pull fails, so that the registry
   *     is not waited for long
   */
  private void pull(
      ImageReference image, RegistryAccess access, boolean mayBeOld, Cancellation cancellation) {
    String what = "pulling " + image;
    PullProgress progress = new PullProgress();
    try (EngineCall call = connection.open(CallLimits.PULL)) {
      LOG.info("{}", what);
      pulls.put(image.fullName(), progress);
      PullImageCmd command =
          call.docker().pullImageCmd(image.fullRepository()).withTag(tagOrDigest(image));
      if (access.mayLogIn(image)) {
        credentials.of(image).ifPresent(command::withAuthConfig);
      }
      command.exec(progress);
      while (!progress.awaitEnd(CallLimits.POLL)) {
        if (cancellation.isCancelled()) {
          throw new ContainerException(Kind.CANCELLED, what, "cancelled");
        }
        requireProgress(what, progress, mayBeOld);
      }
      Optional<String> refusal = progress.refusal();
      if (refusal.isPresent()) {
        throw PullErrors.of(image, refusal.get(), null);
      }
      Optional<Throwable> failure = progress.failure();
      if (failure.isPresent()) {
        throw failure.get() instanceof DockerException answer
            ? PullErrors.of(image, EngineErrors.text(answer), answer)
            : failed(image, call, failure.get());
      }
    } finally {
      pulls.remove(image.fullName(), progress);
    }
  }

  private void requireProgress(String what, PullProgress progress, boolean mayBeOld) {
    boolean waitsForRegistry = mayBeOld && !progress.hasBegun();
    Duration limit = waitsForRegistry ? CallLimits.REGISTRY : settings.stall();
    if (progress.stalledNanos() > limit.toNanos()) {
      throw ContainerException.of(
          PullFault.NO_ANSWER,
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
  private ContainerException failed(ImageReference image, EngineCall call, Throwable failure) {
    String what = "pulling " + image;
    if (call.timedOut()) {
      String late = "not done within " + CallLimits.PULL.toHours() + " hours";
      return ContainerException.of(PullFault.NO_ANSWER, what, late, failure);
    }
    ContainerException translated = connection.failure(what, call, failure);
    return translated.kind() == Kind.UNREACHABLE
        ? translated
        : PullErrors.of(image, translated.words(), failure);
  }
}
