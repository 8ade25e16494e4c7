package io.gpurunner.agent.callback;

import java.net.InetAddress;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One entry of {@code callbacks.allow} or {@code callbacks.deny}: an address, a network or a host
 * name. Immutable.
 */
public sealed interface AddressPattern {
  /**
   * Parses an entry.
   *
   * @throws IllegalArgumentException if the text is no address, no network and no host name
   */
  static AddressPattern parse(String text) {
    Matcher literal = Network.FORM.matcher(text);
    if (!literal.matches()) {
      return new HostName(text);
    }
    InetAddress address = InetAddress.ofLiteral(literal.group(1));
    int prefixBits =
        Optional.ofNullable(literal.group(2))
            .map(Integer::valueOf)
            .orElse(AddressBits.length(address));
    return new Network(address, prefixBits);
  }

  /**
   * Returns whether the entry covers a receiver.
   *
   * @param host the host of the callback's URL, as the user wrote it
   * @param address the host's address, or an IPv4 address inside that address
   */
  boolean matches(String host, InetAddress address);

  /** Returns the entry as the configuration file writes it. */
  @Override
  String toString();

  /** A network. A single address is a network of one address. */
  record Network(InetAddress address, int prefixBits) implements AddressPattern {
    private static final Pattern FORM =
        Pattern.compile(
            "((?:[0-9]{1,3}\\.){3}[0-9]{1,3}|[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)(?:/([0-9]{1,3}))?");

    public Network {
      int addressBits = AddressBits.length(address);
      if (prefixBits < 0 || prefixBits > addressBits) {
        throw new IllegalArgumentException("prefix must be 0 to " + addressBits);
      }
    }

    @Override
    public boolean matches(String host, InetAddress candidate) {
      return AddressBits.samePrefix(address, candidate, prefixBits);
    }

    @Override
    public String toString() {
      boolean single = prefixBits == AddressBits.length(address);
      return single ? address.getHostAddress() : address.getHostAddress() + "/" + prefixBits;
    }
  }

  /** A host name. It matches the host of the URL in upper or lower case, but no subdomain. */
  record HostName(String name) implements AddressPattern {
    private static final String LABEL = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?";

    /** A name whose last part is a number is a mistyped address. */
    private static final Pattern FORM =
        Pattern.compile("(?=.{1,253}$)(?!(?:.*\\.)?[0-9]+$)" + LABEL + "(?:\\." + LABEL + ")*");

    public HostName {
      name = canonical(name);
      if (!FORM.matcher(name).matches()) {
        throw new IllegalArgumentException("not a host name: " + name);
      }
    }

    @Override
    public boolean matches(String host, InetAddress address) {
      return is(host);
    }

    /** Returns whether a host has this name, whatever its address. */
    boolean is(String host) {
      return name.equals(canonical(host));
    }

    /** Returns the name without a dot at the end, which only says that the name is complete. */
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
