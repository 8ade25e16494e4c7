package io.gpurunner.agent.cli.client;

import io.gpurunner.agent.cli.terminal.Plain;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * Where an agent is reached, and with which token.
 *
 * @param url the beginning of all URLs, without a slash at its end
 * @param urlSource where the URL came from, in words
 * @param token gives a token that is valid now; it is asked before each call
 * @param tokenSource where the token came from, in words
 * @param trust the certificates to trust; empty for those that Java trusts
 * @param checks what to check if no agent answers, in words
 */
public record AgentAddress(
    String url,
    String urlSource,
    Supplier<String> token,
    String tokenSource,
    Optional<Trust> trust,
    String checks) {
  private static final String ACCEPTED = "http://HOST:PORT or https://HOST";

  /**
   * Returns a URL without a slash at its end.
   *
   * @param source is named by the message
   * @throws CommandFailedException if it is no http URL, or holds a password
   */
  static String checked(String url, String source) {
    if (url.contains("@")) {
      // Not printed, because what is before the sign is a secret.
      throw wrong(
          source,
          "the URL holds a user or a password (what is before the @); accepted: "
              + ACCEPTED
              + ", with a token in GPURUNNER_TOKEN or in the token-file of a context");
    }
    try {
      URI parsed = new URI(url);
      boolean known = "http".equals(parsed.getScheme()) || "https".equals(parsed.getScheme());
      if (known && parsed.getRawAuthority() != null && parsed.getRawQuery() == null) {
        return url.replaceAll("/+$", "");
      }
    } catch (URISyntaxException noUrl) {
      // refused below, like a URL of another kind
    }
    // A query may hold a secret, too.
    String shown = Plain.line(url.replaceFirst("(?s)[?#].*", "?…"));
    throw wrong(source, "not a URL of an agent: " + shown + "; accepted: " + ACCEPTED);
  }

  private static CommandFailedException wrong(String source, String what) {
    return new CommandFailedException(ExitStatus.USAGE, source + ": " + what);
  }
}
