package io.gpurunner.api;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.Optional;

/** The form a callback URL must have; where it may lead is {@link MachineFacts}' to judge. */
final class CallbackUrl {
  static final String ACCEPTED =
      "an absolute http or https URL in ASCII with a host and without user name or password";
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
    boolean host = uri.getHost() != null && uri.getRawUserInfo() == null;
    boolean port = uri.getPort() == -1 || (uri.getPort() >= 1 && uri.getPort() <= MAX_PORT);
    boolean ascii = text.chars().allMatch(character -> character < 0x80);
    return web && host && port && ascii ? Optional.of(uri) : Optional.empty();
  }
}
