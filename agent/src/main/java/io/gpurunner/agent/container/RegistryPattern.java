package io.gpurunner.agent.container;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One entry of {@code images.registries}: a registry as images name it ({@code registry.lab:5000}),
 * all names below a domain ({@code *.lab.example}), a registry at any port ({@code
 * registry.lab:*}), or every registry ({@code *}). Immutable.
 *
 * @param host a host in small letters, {@code *.} and a domain, or {@code *}
 * @param port a colon and the port, or a colon and {@code *}; empty for a name without a port
 */
public record RegistryPattern(String host, String port) {
  private static final String ANY = "*";
  private static final String ANY_PORT = ":*";

  private static final Pattern FORM =
      Pattern.compile(
          "((?:\\*\\.)?[a-z0-9]+(?:[.-]+[a-z0-9]+)*|\\[[a-f0-9:]+])((?::(?:[0-9]{1,5}|\\*))?)");

  /** How an image names a registry. */
  private static final Pattern REGISTRY = Pattern.compile("(\\[[^]]*]|[^:]*)((?::[0-9]+)?)");

  /**
   * Parses an entry.
   *
   * @throws IllegalArgumentException if the text is none
   */
  public static RegistryPattern parse(String text) {
    String lower = text.toLowerCase(Locale.ROOT);
    if (lower.equals(ANY)) {
      return new RegistryPattern(ANY, ANY_PORT);
    }
    Matcher form = FORM.matcher(lower);
    if (!form.matches()) {
      throw new IllegalArgumentException("not a registry: " + text);
    }
    return new RegistryPattern(form.group(1), form.group(2));
  }

  /** Returns the host of a registry, an IPv6 address without its brackets. */
  static String hostOf(String registry) {
    String host = split(registry).group(1);
    return host.startsWith("[") ? host.substring(1, host.length() - 1) : host;
  }

  /**
   * Returns whether the entry covers a registry.
   *
   * @param registry host and port as an image names them, in small letters
   */
  boolean covers(String registry) {
    Matcher parts = split(registry);
    return coversHost(parts.group(1)) && (port.equals(ANY_PORT) || port.equals(parts.group(2)));
  }

  private boolean coversHost(String candidate) {
    return isWide()
        ? candidate.endsWith(host.substring(1)) // "*" covers all, "*.a" what ends in ".a"
        : candidate.equals(host);
  }

  /**
   * Returns whether the entry covers hosts that it does not name. Users may choose such a host, so
   * its addresses are judged.
   */
  boolean isWide() {
    return host.startsWith(ANY);
  }

  private static Matcher split(String registry) {
    Matcher parts = REGISTRY.matcher(registry);
    if (!parts.matches()) {
      throw new IllegalArgumentException("not a registry: " + registry);
    }
    return parts;
  }

  /** Returns the entry as the configuration file writes it. */
  @Override
  public String toString() {
    return host.equals(ANY) ? ANY : host + port;
  }
}
