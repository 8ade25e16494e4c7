package io.gpurunner.api;

import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * A reference to an image, {@code [registry[:port]/]repository[:tag][@digest]}, in the grammar that
 * registries and Docker use (the CNCF distribution project's {@code reference}). The text of a
 * request is parsed once, and its parts are handed on. {@link #toString} is exactly the text that
 * was parsed. The ledger keeps that text, so the grammar must not become stricter. Immutable.
 *
 * @param registry host and port as they were written; empty for Docker Hub
 * @param repository the path in the registry, in lower case
 * @param digest algorithm and hexadecimal digits, {@code sha256:…}
 */
public record ImageReference(
    Optional<String> registry, String repository, Optional<String> tag, Optional<String> digest) {
  /** The registry of references that name none. */
  public static final String DOCKER_HUB = "docker.io";

  /** An older name of that registry. */
  private static final String DOCKER_INDEX = "index.docker.io";

  /** Where Docker Hub has images whose name has one part. */
  private static final String OFFICIAL_IMAGES = "library/";

  private static final int MAX_NAME_CHARACTERS = 255;

  // Possessive quantifiers: a text from outside must not be able to make matching slow.
  private static final Pattern REGISTRY =
      Pattern.compile(
          "(?:[a-zA-Z0-9]++(?:-++[a-zA-Z0-9]++)*+(?:\\.[a-zA-Z0-9]++(?:-++[a-zA-Z0-9]++)*+)*+"
              + "|\\[[a-fA-F0-9:]++])(?::[0-9]{1,5})?+");
  private static final Pattern PATH_PART =
      Pattern.compile("[a-z0-9]++(?:(?:\\.|__?+|-++)[a-z0-9]++)*+");
  private static final Pattern TAG = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}+");
  private static final Pattern DIGEST =
      Pattern.compile("sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128}");
  private static final Pattern IMAGE_ID = Pattern.compile("[a-f0-9]{64}");

  /**
   * @throws IllegalArgumentException if a part has a wrong form
   */
  public ImageReference {
    String text = text(registry, repository, tag, digest);
    String name = name(registry, repository);
    boolean valid =
        text.length() <= JobRequestLimits.MAX_IMAGE_CHARACTERS
            && name.length() <= MAX_NAME_CHARACTERS
            && startsWithRegistry(name) == registry.isPresent()
            && registry.stream().allMatch(host -> REGISTRY.matcher(host).matches())
            && isPath(repository)
            // Docker reads 64 hexadecimal digits as a local image's id, never as a name to pull.
            && !IMAGE_ID.matcher(name).matches()
            && tag.stream().allMatch(word -> TAG.matcher(word).matches())
            && digest.stream().allMatch(sum -> DIGEST.matcher(sum).matches());
    if (!valid) {
      throw new IllegalArgumentException("not an image reference: " + Shown.quoted(text));
    }
  }

  /** Returns the reference that the text is, or empty if the text is not an image reference. */
  public static Optional<ImageReference> parse(String text) {
    try {
      return Optional.of(of(text));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  /**
   * Returns the reference that the text is. It is for a text that was parsed before, such as one of
   * the ledger.
   *
   * @throws IllegalArgumentException if the text is not an image reference
   */
  public static ImageReference of(String text) {
    int at = text.indexOf('@');
    Optional<String> digest = at < 0 ? Optional.empty() : Optional.of(text.substring(at + 1));
    String tagged = at < 0 ? text : text.substring(0, at);
    int colon = tagged.lastIndexOf(':');
    // A colon before a slash belongs to the registry's port.
    boolean hasTag = colon > tagged.lastIndexOf('/');
    Optional<String> tag = hasTag ? Optional.of(tagged.substring(colon + 1)) : Optional.empty();
    String name = hasTag ? tagged.substring(0, colon) : tagged;
    int slash = name.indexOf('/');
    return startsWithRegistry(name)
        ? new ImageReference(
            Optional.of(name.substring(0, slash)), name.substring(slash + 1), tag, digest)
        : new ImageReference(Optional.empty(), name, tag, digest);
  }

  /** Returns the registry and the repository: the reference without its tag and digest. */
  public String name() {
    return name(registry, repository);
  }

  /** Returns the registry, also if the reference names none, in small letters. */
  public String fullRegistry() {
    String host = registry.orElse(DOCKER_HUB).toLowerCase(Locale.ROOT);
    return host.equals(DOCKER_INDEX) ? DOCKER_HUB : host;
  }

  /** Returns whether Docker Hub itself publishes the image, so that it needs no password. */
  public boolean isOfficial() {
    return fullRepository().startsWith(DOCKER_HUB + "/" + OFFICIAL_IMAGES);
  }

  /** Returns the registry and the repository in full: {@code docker.io/library/busybox}. */
  public String fullRepository() {
    boolean official = fullRegistry().equals(DOCKER_HUB) && !repository.contains("/");
    String host = registry.filter(name -> !name.equals(DOCKER_INDEX)).orElse(DOCKER_HUB);
    return host + "/" + (official ? OFFICIAL_IMAGES : "") + repository;
  }

  /**
   * Returns the whole name: {@code docker.io/library/busybox:latest}. Such a name always names an
   * image. A short one may be read as a part of an image's id. A digest counts before a tag.
   */
  public String fullName() {
    return fullRepository()
        + digest.map(sum -> "@" + sum).orElseGet(() -> ":" + tag.orElse("latest"));
  }

  @Override
  public String toString() {
    return text(registry, repository, tag, digest);
  }

  private static String text(
      Optional<String> registry, String repository, Optional<String> tag, Optional<String> digest) {
    return name(registry, repository)
        + tag.map(word -> ":" + word).orElse("")
        + digest.map(sum -> "@" + sum).orElse("");
  }

  private static String name(Optional<String> registry, String repository) {
    return registry.map(host -> host + "/").orElse("") + repository;
  }

  private static boolean isPath(String path) {
    for (String part : path.split("/", -1)) {
      if (!PATH_PART.matcher(part).matches()) {
        return false;
      }
    }
    return true;
  }

  /**
   * Returns whether the first part of a name is a registry. Docker decides by the same rule whether
   * it belongs to a path on Docker Hub.
   */
  private static boolean startsWithRegistry(String name) {
    int slash = name.indexOf('/');
    String first = slash < 0 ? "" : name.substring(0, slash);
    return first.contains(".")
        || first.contains(":")
        || first.equals("localhost")
        || !first.equals(first.toLowerCase(Locale.ROOT));
  }
}
