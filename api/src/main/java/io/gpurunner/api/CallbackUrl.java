package io.gpurunner.api;

import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
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

  /** The part of a text that names the host. */
  private static final Pattern AUTHORITY = Pattern.compile("^[^/?#]*//([^/?#]*)");

  /** What a host, its port and the brackets of an IPv6 address consist of. */
  private static final Pattern HOST_CHARACTER = Pattern.compile("[A-Za-z0-9._:\\[\\]-]");

  private static final int FIRST_BEYOND_ASCII = 0x80;

  private CallbackUrl() {}

  /**
   * Reads a URL. Characters that browsers and clients send as they are, though a URL has none such,
   * are percent-encoded: blanks, {@code |}, braces, letters beyond ASCII.
   */
  static Optional<URI> parse(String text) {
    return read(text).uri().filter(CallbackUrl::mayBeCalled).map(CallbackUrl::ascii);
  }

  private static boolean mayBeCalled(URI uri) {
    boolean web =
        "http".equalsIgnoreCase(uri.getScheme()) || "https".equalsIgnoreCase(uri.getScheme());
    return web
        && WebAuthority.of(uri)
            .filter(found -> found.port().stream().allMatch(port -> port >= 1 && port <= MAX_PORT))
            .isPresent();
  }

  /**
   * A text that was read as a URI.
   *
   * @param failedAt the index in the text of the character that cannot be there; -1 if there is
   *     none
   */
  private record Read(Optional<URI> uri, int failedAt) {}

  private static Read read(String text) {
    String encoded = text;
    int added = 0;
    while (true) {
      try {
        return new Read(Optional.of(new URI(encoded)), -1);
      } catch (URISyntaxException e) {
        int at = e.getIndex();
        if (at < 0 || at >= encoded.length()) {
          return new Read(Optional.empty(), -1);
        }
        int character = encoded.codePointAt(at);
        if (character < FIRST_BEYOND_ASCII && ENCODED.indexOf(character) < 0) {
          return new Read(Optional.empty(), at - added);
        }
        String hidden = percentEncoded(character);
        int length = Character.charCount(character);
        encoded = encoded.substring(0, at) + hidden + encoded.substring(at + length);
        added += hidden.length() - length;
      }
    }
  }

  /** Encodes what is beyond ASCII, byte for byte, so that the path stays the one that was sent. */
  private static URI ascii(URI uri) {
    StringBuilder ascii = new StringBuilder();
    uri.toString()
        .codePoints()
        .forEach(
            character ->
                ascii.append(
                    character < FIRST_BEYOND_ASCII
                        ? Character.toString(character)
                        : percentEncoded(character)));
    return URI.create(ascii.toString());
  }

  private static String percentEncoded(int character) {
    StringBuilder encoded = new StringBuilder();
    for (byte octet : Character.toString(character).getBytes(StandardCharsets.UTF_8)) {
      encoded.append("%%%02X".formatted(octet & 0xff));
    }
    return encoded.toString();
  }

  /** Returns a refused text for an error message, and the character that cannot be there. */
  static String shown(String text) {
    String quoted = masked(text);
    Read read = read(text);
    if (read.failedAt() >= 0) {
      int at = read.failedAt();
      return quoted
          + ": "
          + Shown.quoted(text.substring(at, text.offsetByCodePoints(at, 1)))
          + " cannot be its character "
          + (at + 1);
    }
    return read.uri()
        .map(
            uri ->
                uri.getRawUserInfo() != null
                    ? quoted + " with a user name"
                    : quoted + wrongInHost(text).map(wrong -> ": " + wrong).orElse(""))
        .orElse(quoted);
  }

  /** Returns a text for a message, without a user name and a password. */
  static String masked(String text) {
    return Shown.quoted(USER.matcher(text).replaceFirst("//***@"));
  }

  private static Optional<String> wrongInHost(String text) {
    return AUTHORITY
        .matcher(text)
        .results()
        .flatMap(found -> found.group(1).codePoints().mapToObj(Character::toString))
        .filter(character -> !HOST_CHARACTER.matcher(character).matches())
        .findFirst()
        .map(character -> Shown.quoted(character) + " cannot be in its host");
  }
}
