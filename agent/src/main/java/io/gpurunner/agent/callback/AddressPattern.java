package io.gpurunner.agent.callback;

import java.net.InetAddress;
import java.util.Locale;
import java.util.regex.Pattern;

/**
 * One entry of {@code callbacks.allow} or {@code callbacks.deny}: an address, a network or a host
 * name. Immutable.
 */
public sealed interface AddressPattern {
  /**
   * @throws IllegalArgumentException for a text that is none of the three
   */
  static AddressPattern parse(String text) {
    int slash = text.indexOf('/');
    if (slash >= 0) {
      InetAddress address = InetAddress.ofLiteral(text.substring(0, slash));
      String prefix = text.substring(slash + 1);
      return new Network(
          address, Network.PREFIX.matcher(prefix).matches() ? Integer.parseInt(prefix) : -1);
    }
    return Network.isLiteral(text)
        ? new Network(
            InetAddress.ofLiteral(text), InetAddress.ofLiteral(text).getAddress().length * 8)
        : new HostName(text);
  }

  /**
   * Whether a receiver is meant.
   *
   * @param host the host of the callback's URL, as the user wrote it
   * @param address what it resolved to, or an IPv4 address that one carries inside
   */
  boolean matches(String host, InetAddress address);

  /** The entry as the configuration file writes it. */
  @Override
  String toString();

  /** An address is a network of one. */
  record Network(InetAddress address, int prefixBits) implements AddressPattern {
    private static final Pattern PREFIX = Pattern.compile("[0-9]{1,3}");
    private static final Pattern LITERAL = Pattern.compile("[0-9.]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*");

    public Network {
      int addressBits = address.getAddress().length * 8;
      if (prefixBits < 0 || prefixBits > addressBits) {
        throw new IllegalArgumentException("prefix must be 0 to " + addressBits);
      }
    }

    private static boolean isLiteral(String text) {
      return LITERAL.matcher(text).matches();
    }

    @Override
    public boolean matches(String host, InetAddress candidate) {
      return AddressBits.samePrefix(address, candidate, prefixBits);
    }

    @Override
    public String toString() {
      boolean single = prefixBits == address.getAddress().length * 8;
      return single ? address.getHostAddress() : address.getHostAddress() + "/" + prefixBits;
    }
  }

  /** Matches the host as written in the URL, without regard to case; not its subdomains. */
  record HostName(String name) implements AddressPattern {
    private static final Pattern FORM =
        Pattern.compile(
            "(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*");

    public HostName {
      name = canonical(name);
      if (!FORM.matcher(name).matches()) {
        throw new IllegalArgumentException("not a host name: " + name);
      }
    }

    @Override
    public boolean matches(String host, InetAddress address) {
      return name.equals(canonical(host));
    }

    /** A dot at the end only says that the name is complete. */
    private static String canonical(String name) {
      String lower = name.toLowerCase(Locale.ROOT);
      return lower.endsWith(".") ? lower.substring(0, lower.length() - 1) : lower;
    }

    @Override
    public String toString() {
      return name;
    }
  }
}
