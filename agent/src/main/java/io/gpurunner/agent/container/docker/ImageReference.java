package io.gpurunner.agent.container.docker;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The parts of an image reference, as the engine's pull needs them (a pull without a tag would
 * fetch every tag of the repository).
 *
 * @param repository {@code registry:port/path/name}
 * @param tagOrDigest {@code 2.1}, {@code sha256:…}; {@code latest} if the reference has none
 */
record ImageReference(String repository, String tagOrDigest) {
  // The grammar of github.com/distribution/reference. Possessive: no backtracking on long input.
  private static final String NAME_PART = "[a-z0-9]++(?:(?:[._]|__|-++)[a-z0-9]++)*+";
  private static final String HOST_PART = "[A-Za-z0-9][A-Za-z0-9-]*+";
  private static final String HOST =
      "(?:" + HOST_PART + "(?:\\." + HOST_PART + ")*+|\\[[0-9A-Fa-f:]++\\])(?::[0-9]{1,5})?/";
  private static final Pattern FORM =
      Pattern.compile(
          "(?<name>(?:"
              + HOST
              + ")?"
              + NAME_PART
              + "(?:/"
              + NAME_PART
              + ")*+)"
              + "(?::(?<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
              + "(?:@(?<digest>[A-Za-z][A-Za-z0-9+._-]*+:[0-9a-fA-F]{32,}))?");

  private static final int CHARACTERS_LIMIT = 512;

  /**
   * @throws ContainerException REFUSED if the text is no image reference
   */
  static ImageReference parse(String text) {
    Matcher matcher = FORM.matcher(text);
    if (text.length() > CHARACTERS_LIMIT || !matcher.matches()) {
      throw new ContainerException(
          Kind.REFUSED,
          "\""
              + EngineErrors.bounded(text)
              + "\" is not an image reference; accepted: [registry[:port]/]name[:tag][@digest],"
              + " the name in lower case");
    }
    String digest = matcher.group("digest");
    String tag = matcher.group("tag");
    return new ImageReference(
        matcher.group("name"), digest != null ? digest : tag != null ? tag : "latest");
  }
}
