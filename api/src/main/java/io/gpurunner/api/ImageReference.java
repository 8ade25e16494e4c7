package io.gpurunner.api;

import java.util.Locale;
import java.util.regex.Pattern;

/**
 * The grammar of image references, {@code [domain[:port]/]path[:tag][@digest]}, as registries and
 * Docker read it (the CNCF distribution project's {@code reference} grammar).
 */
final class ImageReference {
  private static final int MAX_NAME_CHARACTERS = 255;

  // Possessive quantifiers: a text from outside must not be able to make matching slow.
  private static final Pattern DOMAIN =
      Pattern.compile(
          "(?:[a-zA-Z0-9]++(?:-++[a-zA-Z0-9]++)*+(?:\\.[a-zA-Z0-9]++(?:-++[a-zA-Z0-9]++)*+)*+"
              + "|\\[[a-fA-F0-9:]++])(?::[0-9]{1,5})?+");
  private static final Pattern PATH_PART =
      Pattern.compile("[a-z0-9]++(?:(?:\\.|__?+|-++)[a-z0-9]++)*+");
  private static final Pattern TAG = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}+");
  private static final Pattern DIGEST =
      Pattern.compile("sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128}");
  private static final Pattern IMAGE_ID = Pattern.compile("[a-f0-9]{64}");

  private ImageReference() {}

  static boolean isValid(String reference) {
    if (reference.length() > JobRequestLimits.MAX_IMAGE_CHARACTERS) {
      return false;
    }
    String rest = reference;
    int at = rest.indexOf('@');
    if (at >= 0) {
      if (!DIGEST.matcher(rest.substring(at + 1)).matches()) {
        return false;
      }
      rest = rest.substring(0, at);
    }
    int colon = rest.lastIndexOf(':');
    if (colon > rest.lastIndexOf('/')) {
      if (!TAG.matcher(rest.substring(colon + 1)).matches()) {
        return false;
      }
      rest = rest.substring(0, colon);
    }
    // Docker reads 64 hexadecimal digits as a local image's id, never as a name to pull.
    return isName(rest) && !IMAGE_ID.matcher(rest).matches();
  }

  private static boolean isName(String name) {
    if (name.length() > MAX_NAME_CHARACTERS) {
      return false;
    }
    String path = name;
    int slash = name.indexOf('/');
    if (slash >= 0 && isDomain(name.substring(0, slash))) {
      if (!DOMAIN.matcher(name.substring(0, slash)).matches()) {
        return false;
      }
      path = name.substring(slash + 1);
    }
    for (String part : path.split("/", -1)) {
      if (!PATH_PART.matcher(part).matches()) {
        return false;
      }
    }
    return true;
  }

  /** How Docker tells a registry's name from the first part of a path on Docker Hub. */
  private static boolean isDomain(String first) {
    return first.contains(".")
        || first.contains(":")
        || first.equals("localhost")
        || !first.equals(first.toLowerCase(Locale.ROOT));
  }
}
