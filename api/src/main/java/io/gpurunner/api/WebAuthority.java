package io.gpurunner.api;

import java.net.URI;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The host and port of an http or https URL. {@link URI} knows no host with an underscore, but
 * machines of a local network have such names. Immutable.
 *
 * @param host as it was written; an IPv6 address in its brackets
 * @param port as it was written, also 0 and numbers that are too large
 */
public record WebAuthority(String host, OptionalInt port) {
  private static final String LABEL = "[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?+";

  /** Host names with an underscore, which {@link URI} does not read. */
  private static final Pattern UNDERSCORED =
      Pattern.compile(
          "(?=[^:]{1,253}(?::|$))(?=[^:]*_)("
              + LABEL
              + "(?:\\."
              + LABEL
              + ")*+\\.?)(?::([0-9]{1,9}))?");

  /**
   * Reads the authority of a URL. The result is empty if the URL has no host, or a user name or
   * password.
   */
  public static Optional<WebAuthority> of(URI url) {
    if (url.getRawUserInfo() != null || url.getRawAuthority() == null) {
      return Optional.empty();
    }
    if (url.getHost() != null) {
      OptionalInt port = url.getPort() < 0 ? OptionalInt.empty() : OptionalInt.of(url.getPort());
      return Optional.of(new WebAuthority(url.getHost(), port));
    }
    Matcher matcher = UNDERSCORED.matcher(url.getRawAuthority());
    if (!matcher.matches()) {
      return Optional.empty();
    }
    OptionalInt port =
        matcher.group(2) == null
            ? OptionalInt.empty()
            : OptionalInt.of(Integer.parseInt(matcher.group(2)));
    return Optional.of(new WebAuthority(matcher.group(1), port));
  }
}
