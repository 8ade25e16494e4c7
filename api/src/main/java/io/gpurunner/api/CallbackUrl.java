package io.gpurunner.api;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.Optional;
import java.util.regex.Pattern;

/** Checks the form of a callback URL. {@link MachineFacts} judges the address. */
final class CallbackUrl {
  static final String ACCEPTED =
      "an absolute http or https URL with a host (letters, digits, dots, dashes,"
          + " underscores, or an IP address), a port from 1 to 65535 if it has one, and without"
          + " user name or password";
  private static final int MAX_PORT = 65_535;
  private static final String ENCODED = " \"<>[\\]^`{|}";

  /** A user name and a password are not shown. */
  private static final Pattern USER = Pattern.compile("//[^/?#]*@");

  private CallbackUrl() {}

  /**
   * Reads a URL. Characters that browsers and clients send as they are, though a URL has none such,
   * are percent-encoded: blanks, {@code |}, braces, letters beyond ASCII.
   */
  static Optional<URI> parse(String text) {
    return uri(text).filter(CallbackUrl::mayBeCalled).map(uri -> URI.create(uri.toASCIIString()));
  }

  private static boolean mayBeCalled(URI uri) {
    boolean web =
        "http".equalsIgnoreCase(uri.getScheme()) || "https".equalsIgnoreCase(uri.getScheme());
    return web
        && WebAuthority.of(uri)
            .filter(found -> found.port().stream().allMatch(port -> port >= 1 && port <= MAX_PORT))
            .isPresent();
  }

  private static Optional<URI> uri(String text) {
    String encoded = text;
    while (true) {
      try {
        return Optional.of(new URI(encoded));
      } catch (URISyntaxException e) {
        int at = e.getIndex();
        if (at < 0 || at >= encoded.length() || ENCODED.indexOf(encoded.charAt(at)) < 0) {
          return Optional.empty();
        }
        encoded =
            encoded.substring(0, at)
                + "%%%02X".formatted((int) encoded.charAt(at))
                + encoded.substring(at + 1);
      }
    }
  }

  /** Returns a refused text for an error message, and the character that cannot be there. */
  static String shown(String text) {
    String quoted = Shown.quoted(USER.matcher(text).replaceFirst("//***@"));
    try {
      URI uri = new URI(text);
      return uri.getRawUserInfo() == null ? quoted : quoted + " with a user name";
    } catch (URISyntaxException e) {
      int at = e.getIndex();
      return at < 0 || at >= text.length()
          ? quoted
          : quoted
              + ": "
              + Shown.quoted(text.substring(at, text.offsetByCodePoints(at, 1)))
              + " cannot be its character "
              + (at + 1);
    }
  }
}
