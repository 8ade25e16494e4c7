package io.gpurunner.api;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.Optional;

/** Checks the form of a callback URL. {@link MachineFacts} judges the address. */
final class CallbackUrl {
  static final String ACCEPTED =
      "an absolute http or https URL in ASCII, with a host (letters, digits, dots, dashes,"
          + " underscores, or an IP address), a port from 1 to 65535 if it has one, and without"
          + " user name or password";
  private static final int MAX_PORT = 65_535;

  private CallbackUrl() {}

  static Optional<URI> parse(String text) {
    URI uri;
    try {
      uri = new URI(text);
    } catch (URISyntaxException e) {
      return Optional.empty();
    }
    boolean web =
        "http".equalsIgnoreCase(uri.getScheme()) || "https".equalsIgnoreCase(uri.getScheme());
    boolean host =
        WebAuthority.of(uri)
            .filter(found -> found.port().stream().allMatch(port -> port >= 1 && port <= MAX_PORT))
            .isPresent();
    boolean ascii = text.chars().allMatch(character -> character < 0x80);
    return web && host && ascii ? Optional.of(uri) : Optional.empty();
  }
}
