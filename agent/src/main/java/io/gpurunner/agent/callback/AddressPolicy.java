package io.gpurunner.agent.callback;

import io.gpurunner.api.WebAuthority;
import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Pattern;

/**
 * Decides which receivers may be called (contract section 5), so that a job's author cannot use the
 * agent to reach servers that only the agent can reach. A URL is judged at submission, and again at
 * every try. Blocks for name resolution; thread-safe.
 */
public final class AddressPolicy {
  private static final int MAX_URL_LENGTH = 2048;
  private static final int MAX_PORT = 65_535;

  /**
   * The addresses at which clouds serve a machine's credentials, beyond the link-local ranges: EC2
   * over IPv6, Google over IPv6, Alibaba Cloud, Oracle Cloud, Azure (each from the cloud's own
   * documentation).
   */
  private static final List<AddressPattern> METADATA =
      List.of(
          AddressPattern.parse("fd00:ec2::254"),
          AddressPattern.parse("fd20:ce::254"),
          AddressPattern.parse("100.100.100.200"),
          AddressPattern.parse("192.0.0.192"),
          AddressPattern.parse("168.63.129.16"));

  /** "This network" (RFC 1122). Linux takes each of its addresses for the machine itself. */
  private static final AddressPattern THIS_NETWORK = AddressPattern.parse("0.0.0.0/8");

  /** The reserved addresses (RFC 1112). The last one is the broadcast address. */
  private static final AddressPattern RESERVED = AddressPattern.parse("240.0.0.0/4");

  /**
   * A host that ends in a number. It is no name (RFC 1123, 2.1). If it is no address in the usual
   * form, resolvers do not agree on what it is: some read 0177.0.0.1 as 127.0.0.1.
   */
  private static final Pattern NUMBER_AT_END =
      Pattern.compile("(?:[^:]*\\.)?(?:[0-9]+|0[xX][0-9a-fA-F]*)\\.?");

  private static final Pattern IPV4 =
      Pattern.compile("(?:(?:0|[1-9][0-9]{0,2})\\.){3}(?:0|[1-9][0-9]{0,2})");

  /** The names of the machine itself, whatever a name server says (RFC 6761, 6.3). */
  private static final Pattern LOCALHOST =
      Pattern.compile("(?:.*\\.)?localhost\\.?", Pattern.CASE_INSENSITIVE);

  private final List<AddressPattern> allow;
  private final List<AddressPattern> deny;
  private final HostResolver resolver;
  private final Predicate<InetAddress> isOwn;

  /**
   * @param allow receivers on this machine that may be called
   * @param deny receivers that may not be called; counts before {@code allow}
   */
  public AddressPolicy(
      List<AddressPattern> allow, List<AddressPattern> deny, HostResolver resolver) {
    this(allow, deny, resolver, AddressBits::isOfThisMachine);
  }

  /**
   * @param isOwn whether an address is one of this machine's, so that it counts as loopback
   */
  AddressPolicy(
      List<AddressPattern> allow,
      List<AddressPattern> deny,
      HostResolver resolver,
      Predicate<InetAddress> isOwn) {
    this.isOwn = isOwn;
    this.allow = List.copyOf(allow);
    this.deny = List.copyOf(deny);
    this.resolver = resolver;
  }

  /** Resolves the URL's host and judges every address. One bad address is enough for a refusal. */
  public Verdict judge(URI url) {
    Optional<String> malformed = malformed(url);
    if (malformed.isPresent()) {
      return new Verdict.Refused(malformed.get());
    }
    return judgeHost(host(url));
  }

  /**
   * Resolves a host and judges every address, as for a callback.
   *
   * @param host a name, or an address without brackets
   */
  public Verdict judgeHost(String host) {
    Optional<Verdict.Refused> known = judgeWithoutLookup(host);
    if (known.isPresent()) {
      return known.get();
    }
    List<InetAddress> addresses;
    try {
      addresses = resolver.resolve(host);
    } catch (UnknownHostException unknown) {
      return new Verdict.Unresolved(
          Optional.ofNullable(unknown.getMessage()).orElse("the host does not resolve: " + host));
    }
    Optional<Verdict.Refused> refused = refusal(host, addresses);
    if (refused.isPresent()) {
      return refused.get();
    }
    return addresses.isEmpty()
        ? new Verdict.Unresolved("the host " + host + " has no address")
        : new Verdict.Allowed(
            addresses.stream().map(address -> AddressBits.bare(address.getAddress())).toList());
  }

  /** Returns the refusal of a host, as far as it is known without asking a name server. */
  public Optional<Verdict.Refused> judgeWithoutLookup(String host) {
    boolean isLiteral = host.contains(":") || IPV4.matcher(host).matches();
    if (!isLiteral && NUMBER_AT_END.matcher(host).matches()) {
      return Optional.of(
          new Verdict.Refused(
              host
                  + " is neither a name nor an IP address in its usual form (four decimal numbers"
                  + " without leading zeros)"));
    }
    Optional<AddressPattern> named =
        deny.stream()
            .filter(pattern -> pattern instanceof AddressPattern.HostName name && name.is(host))
            .findFirst();
    if (named.isPresent()) {
      return Optional.of(new Verdict.Refused(host + " " + denied(named.get())));
    }
    if (isLiteral) {
      return refusal(host, literal(host));
    }
    return LOCALHOST.matcher(host).matches()
        ? refusal(host, literal("127.0.0.1"))
        : Optional.empty();
  }

  private static List<InetAddress> literal(String host) {
    try {
      return List.of(InetAddress.ofLiteral(host));
    } catch (IllegalArgumentException none) {
      return List.of(); // the resolver says what is wrong with it
    }
  }

  private Optional<Verdict.Refused> refusal(String host, List<InetAddress> addresses) {
    for (InetAddress address : addresses) {
      for (InetAddress meaning : AddressBits.meanings(address)) {
        Optional<String> why = why(host, meaning);
        if (why.isPresent()) {
          return Optional.of(new Verdict.Refused(text(host, address, meaning) + " " + why.get()));
        }
      }
    }
    return Optional.empty();
  }

  private static Optional<String> malformed(URI url) {
    String scheme = Optional.ofNullable(url.getScheme()).orElse("");
    if (!Set.of("http", "https").contains(scheme.toLowerCase(Locale.ROOT))) {
      return Optional.of("must be an http or https URL");
    }
    if (url.getRawUserInfo() != null) {
      return Optional.of(
          "must not hold a user or password; receivers check the X-Gpurunner-Signature-256 header");
    }
    Optional<WebAuthority> authority = WebAuthority.of(url);
    if (authority.isEmpty()) {
      return Optional.of(
          "must name a host (letters, digits, dots, dashes, underscores) or an IP address");
    }
    if (authority.get().port().stream().anyMatch(port -> port < 1 || port > MAX_PORT)) {
      return Optional.of("must have a port from 1 to 65535");
    }
    if (url.toString().length() > MAX_URL_LENGTH) {
      return Optional.of("must be at most " + MAX_URL_LENGTH + " characters long");
    }
    return Optional.empty();
  }

  /** Returns the host as resolvers take it: an IPv6 literal without its brackets. */
  private static String host(URI url) {
    String host = WebAuthority.of(url).orElseThrow().host();
    return host.startsWith("[") ? host.substring(1, host.length() - 1) : host;
  }

  private Optional<String> why(String host, InetAddress address) {
    if (address.isLinkLocalAddress() || matches(METADATA, host, address)) {
      return Optional.of("is a link-local or cloud metadata address, which is always refused");
    }
    if (address.isAnyLocalAddress()
        || address.isMulticastAddress()
        || THIS_NETWORK.matches(host, address)
        || RESERVED.matches(host, address)) {
      return Optional.of("is no address of a single machine, which is always refused");
    }
    Optional<AddressPattern> denied =
        deny.stream().filter(pattern -> pattern.matches(host, address)).findFirst();
    if (denied.isPresent()) {
      return denied.map(AddressPolicy::denied);
    }
    boolean isThisMachine = address.isLoopbackAddress() || isOwn.test(address);
    if (isThisMachine && !matches(allow, host, address)) {
      return Optional.of(
          ("is the server itself, which is refused unless callbacks.allow of the"
                  + " server's configuration names it (callbacks: {allow: [\"%s\"]})")
              .formatted(address.getHostAddress()));
    }
    return Optional.empty();
  }

  private static String denied(AddressPattern pattern) {
    return "is refused by callbacks.deny (%s) of the server's configuration".formatted(pattern);
  }

  private static boolean matches(List<AddressPattern> patterns, String host, InetAddress address) {
    return patterns.stream().anyMatch(pattern -> pattern.matches(host, address));
  }

  private static String text(String host, InetAddress address, InetAddress meaning) {
    String literal = address.getHostAddress();
    boolean itself = literal.equals(meaning.getHostAddress());
    String carried = itself ? "" : ", which carries " + meaning.getHostAddress() + " and";
    if (literal.equals(host)) {
      return literal + carried;
    }
    return host + " resolves to " + literal + (itself ? ", which" : carried);
  }

  /** The verdict on a URL. */
  public sealed interface Verdict {
    /**
     * @param addresses the host's addresses, without names; connections go to exactly these
     */
    record Allowed(List<InetAddress> addresses) implements Verdict {}

    /**
     * The receiver may not be called, as long as its address and the configuration stay the same.
     */
    record Refused(String reason) implements Verdict {}

    /** The host has no address now. That may change by itself. */
    record Unresolved(String reason) implements Verdict {}
  }
}
