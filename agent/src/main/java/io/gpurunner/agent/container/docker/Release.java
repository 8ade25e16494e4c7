package io.gpurunner.agent.container.docker;

import java.util.Comparator;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The number of a release of runc, Docker or the NVIDIA Container Toolkit: {@code 1.4.0-rc.3}. What
 * a distribution adds to it ({@code +dfsg1}, {@code -0ubuntu2}) is left out. Immutable.
 *
 * @param candidate the number of a release candidate; {@link Integer#MAX_VALUE} for the release
 *     itself, which comes after all its candidates
 */
record Release(int major, int minor, int patch, int candidate) implements Comparable<Release> {
  private static final Pattern FORM =
      Pattern.compile("v?(\\d{1,6})\\.(\\d{1,6})(?:\\.(\\d{1,6}))?(?:[-~+]?rc[.-]?(\\d{1,6}))?");

  private static final Comparator<Release> IN_ORDER =
      Comparator.comparingInt(Release::major)
          .thenComparingInt(Release::minor)
          .thenComparingInt(Release::patch)
          .thenComparingInt(Release::candidate);

  /** Returns the release that a text begins with. It is empty if it begins with none. */
  static Optional<Release> in(String text) {
    Matcher matcher = FORM.matcher(text.strip());
    return matcher.lookingAt()
        ? Optional.of(
            new Release(
                number(matcher, 1, 0),
                number(matcher, 2, 0),
                number(matcher, 3, 0),
                number(matcher, 4, Integer.MAX_VALUE)))
        : Optional.empty();
  }

  private static int number(Matcher matcher, int group, int otherwise) {
    return Optional.ofNullable(matcher.group(group)).map(Integer::parseInt).orElse(otherwise);
  }

  /** Returns whether another release is of the same line, which has fixes of its own. */
  boolean isOfTheLineOf(Release other) {
    return major == other.major && minor == other.minor;
  }

  @Override
  public int compareTo(Release other) {
    return IN_ORDER.compare(this, other);
  }

  @Override
  public String toString() {
    String number = major + "." + minor + "." + patch;
    return candidate == Integer.MAX_VALUE ? number : number + "-rc." + candidate;
  }
}
