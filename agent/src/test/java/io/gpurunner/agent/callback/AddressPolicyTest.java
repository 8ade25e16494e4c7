package io.gpurunner.agent.callback;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.gpurunner.agent.callback.AddressPolicy.Verdict;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class AddressPolicyTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "169.254.169.254",
        "169.254.0.1",
        "[fe80::1]",
        "[febf::1]",
        "[fd00:ec2::254]",
        "[fd20:ce::254]",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[::169.254.169.254]",
        "[2002:a9fe:a9fe::1]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b:1::a9fe:a9fe]",
        "[::ffff:0:a9fe:a9fe]",
        "[2001:0:1:2:3:4:5601:5601]",
        "[2001:db8::5efe:a9fe:a9fe]",
        "[2001:db8::200:5efe:a9fe:a9fe]",
        "0.0.0.0",
        "0.1.2.3",
        "[::]",
        "[::ffff:0.0.0.0]",
        "224.0.0.1",
        "[ff02::1]",
        "255.255.255.255",
        "240.0.0.1",
      })
  void refusedWhateverIsAllowed(String host) {
    List<AddressPattern> everything = patterns("0.0.0.0/0", "::/0", "localhost");
    AddressPolicy policy = new AddressPolicy(everything, List.of(), AddressPolicyTest::literal);
    assertThat(refusal(policy, URI.create("http://" + host + "/")))
        .get()
        .asString()
        .contains("always");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "127.0.0.1",
        "127.255.0.9",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
      })
  void loopbackOnlyWhereAllowed(String host) {
    URI url = URI.create("http://" + host + ":9000/x");
    assertThat(refusal(policy(List.of(), List.of()), url))
        .get()
        .asString()
        .contains("callbacks.allow");
    assertThat(refusal(policy(patterns("127.0.0.0/8", "::1"), List.of()), url)).isEmpty();
    assertThat(refusal(policy(patterns("10.0.0.0/8"), List.of()), url)).isPresent();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"10.1.2.3", "192.168.0.1", "172.16.0.1", "[fd12::1]", "8.8.8.8", "[2606:4700::1]"})
  void everythingElseOnlyUnlessDenied(String host) {
    URI url = URI.create("https://" + host);
    assertThat(refusal(policy(List.of(), List.of()), url)).isEmpty();
    List<AddressPattern> everything = patterns("0.0.0.0/0", "::/0");
    assertThat(refusal(policy(everything, everything), url))
        .get()
        .asString()
        .contains("callbacks.deny");
  }

  @Test
  void namesOfTheConfigurationAreMeantAsWritten() {
    HostResolver resolver = host -> List.of(InetAddress.ofLiteral("127.0.0.1"));
    AddressPolicy allowing = new AddressPolicy(patterns("Hooks.Local"), List.of(), resolver);
    assertThat(refusal(allowing, URI.create("http://hooks.local./x"))).isEmpty();
    assertThat(refusal(allowing, URI.create("http://other.local/x"))).isPresent();
    assertThat(refusal(allowing, URI.create("http://a.hooks.local/x"))).isPresent();
    HostResolver outside = host -> List.of(InetAddress.ofLiteral("192.0.2.1"));
    AddressPolicy denying = new AddressPolicy(List.of(), patterns("bad.example.org"), outside);
    assertThat(refusal(denying, URI.create("http://BAD.example.org/"))).isPresent();
    assertThat(refusal(denying, URI.create("http://good.example.org/"))).isEmpty();
    // A proxy may know a name that this machine does not.
    HostResolver nowhere =
        host -> {
          throw new UnknownHostException(host);
        };
    AddressPolicy byName = new AddressPolicy(List.of(), patterns("bad.example.org"), nowhere);
    assertThat(refusal(byName, URI.create("http://bad.example.org/")))
        .contains(
            "bad.example.org is refused by callbacks.deny (bad.example.org) of the server's"
                + " configuration");
  }

  @Test
  void oneBadAddressAmongManyIsEnough() {
    HostResolver resolver =
        host -> Stream.of("192.0.2.1", "169.254.169.254").map(InetAddress::ofLiteral).toList();
    assertThat(
            refusal(
                new AddressPolicy(List.of(), List.of(), resolver),
                URI.create("http://two.example.org")))
        .contains(
            "two.example.org resolves to 169.254.169.254, which is a link-local or cloud metadata"
                + " address, which is always refused");
  }

  @Test
  void aNameThatDoesNotResolveIsToldApartFromOneThatIsRefused() {
    HostResolver resolver =
        host -> {
          throw new UnknownHostException("the host " + host + " does not resolve: no such name");
        };
    assertThat(
            refusal(
                new AddressPolicy(List.of(), List.of(), resolver),
                URI.create("http://typo.example.org")))
        .contains("the host typo.example.org does not resolve: no such name");
    try (SystemHostResolver system = new SystemHostResolver()) {
      assertThat(
              refusal(
                  new AddressPolicy(List.of(), List.of(), system),
                  URI.create("http://no-such-name.invalid")))
          .get()
          .asString()
          .startsWith("the host no-such-name.invalid does not resolve: ");
      assertThat(
              refusal(
                  new AddressPolicy(List.of(), List.of(), system), URI.create("http://localhost")))
          .get()
          .asString()
          .startsWith("localhost resolves to ");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"192.0.2.77", "[::ffff:192.0.2.77]", "[64:ff9b::c000:24d]", "me.test"})
  void everyAddressOfThisMachineCountsAsLoopback(String host) {
    InetAddress own = InetAddress.ofLiteral("192.0.2.77");
    HostResolver resolver = name -> name.equals("me.test") ? List.of(own) : literal(name);
    URI url = URI.create("http://" + host + ":9000/x");
    assertThat(refusal(new AddressPolicy(List.of(), List.of(), resolver, own::equals), url))
        .get()
        .asString()
        .contains("is the server itself", "callbacks.allow");
    assertThat(
            refusal(
                new AddressPolicy(patterns("192.0.2.77"), List.of(), resolver, own::equals), url))
        .isEmpty();
  }

  @Test
  void theAddressesOfThisMachineAreThoseOfItsInterfaces() throws Exception {
    List<InetAddress> own =
        NetworkInterface.networkInterfaces()
            .flatMap(NetworkInterface::inetAddresses)
            .filter(address -> !address.isLinkLocalAddress())
            .toList();
    assertThat(own).isNotEmpty();
    for (InetAddress address : own) {
      String literal = AddressBits.bare(address.getAddress()).getHostAddress();
      String host = literal.contains(":") ? "[" + literal + "]" : literal;
      AddressPolicy policy = new AddressPolicy(List.of(), List.of(), AddressPolicyTest::literal);
      assertThat(refusal(policy, URI.create("http://" + host + "/")))
          .as(host)
          .get()
          .asString()
          .contains("is the server itself");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"127.0.0.1", "::1", "127.1", "0x7f.1", "localhost", "a.LOCALHOST.", "0.0.0.0"})
  void whatNeedsNoLookupIsKnownWithoutOne(String host) {
    HostResolver none =
        name -> {
          throw new AssertionError("looked up " + name);
        };
    AddressPolicy policy = new AddressPolicy(List.of(), List.of(), none);
    assertThat(policy.judgeWithoutLookup(host)).isPresent();
    assertThat(policy.judgeWithoutLookup("registry.example")).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"2130706433", "0x7f000001", "0x7f.1", "127.1", "localhost", "LOCALHOST."})
  void loopbackInDisguise(String host) {
    try (SystemHostResolver system = new SystemHostResolver()) {
      AddressPolicy policy = new AddressPolicy(List.of(), List.of(), system);
      assertThat(refusal(policy, URI.create("http://" + host + ":8080/"))).isPresent();
    }
  }

  @ParameterizedTest
  @CsvSource({
    "ftp://example.org/, must be an http or https URL",
    "mailto:a@example.org, must be an http or https URL",
    "/callback, must be an http or https URL",
    "http:///x, must name a host",
    "http://under_score..x/x, must name a host",
    "http://user:word@example.org/, must not hold a user or password",
    "http://user:word@under_score/, must name a host",
    "http://under_score:0/, must have a port",
    "http://example.org:0/, must have a port",
    "http://example.org:70000/, must have a port",
  })
  void urlsThatAreNone(String url, String why) {
    assertThat(refusal(policy(List.of(), List.of()), URI.create(url)))
        .get()
        .asString()
        .startsWith(why);
  }

  @Test
  void urlsAreBounded() {
    URI url = URI.create("http://192.0.2.1/" + "a".repeat(2048));
    assertThat(refusal(policy(List.of(), List.of()), url)).get().asString().contains("2048");
  }

  @ParameterizedTest
  @CsvSource({
    "10.0.0.0/8, 10.255.1.2, true",
    "10.0.0.0/8, 11.0.0.0, false",
    "10.20.30.40/13, 10.16.0.1, true",
    "10.20.30.40/13, 10.24.0.1, false",
    "0.0.0.0/0, 1.2.3.4, true",
    "0.0.0.0/0, ::1, false",
    "192.0.2.7, 192.0.2.7, true",
    "192.0.2.7, 192.0.2.8, false",
    "192.0.2.7/32, 192.0.2.7, true",
    "fd00::/8, fdff::1, true",
    "fd00::/8, fe00::1, false",
    "2001:db8::/33, 2001:db8:7fff::, true",
    "2001:db8::/33, 2001:db8:8000::, false",
  })
  void networks(String pattern, String address, boolean matches) {
    AddressPattern network = AddressPattern.parse(pattern);
    assertThat(network.matches("x", InetAddress.ofLiteral(address))).isEqualTo(matches);
    assertThat(AddressPattern.parse(network.toString())).isEqualTo(network);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "10.0.0.0/33",
        "10.0.0/8",
        "10.0",
        "1.2.3.4.5",
        "300.0.0.1",
        "fd00::/129",
        "fd00::/",
        "::g",
        "10.0.0.0/-1",
        "a b",
        "-a",
        "a..b",
        "a/8",
        "*.example.org",
        "http://x",
        "[::1]"
      })
  void whatIsNoPattern(String text) {
    assertThatIllegalArgumentException().isThrownBy(() -> AddressPattern.parse(text));
  }

  @Test
  void hostsWithUnderscoresAreJudgedLikeOthers() {
    HostResolver resolver = host -> List.of(InetAddress.ofLiteral("127.0.0.1"));
    URI url = URI.create("http://build_box:9000/x");
    assertThat(refusal(new AddressPolicy(List.of(), List.of(), resolver), url))
        .contains(
            "build_box resolves to 127.0.0.1, which is the server itself, which is"
                + " refused unless callbacks.allow of the server's configuration names it"
                + " (callbacks: {allow: [\"127.0.0.1\"]})");
    assertThat(refusal(new AddressPolicy(patterns("build_box"), List.of(), resolver), url))
        .isEmpty();
  }

  @Test
  void whatIsDeniedNamesItsEntry() {
    assertThat(
            refusal(
                policy(List.of(), patterns("192.0.2.0/24", "10.0.0.0/8")),
                URI.create("http://10.1.2.3/")))
        .contains(
            "10.1.2.3 is refused by callbacks.deny (10.0.0.0/8) of the server's configuration");
  }

  private static Optional<String> refusal(AddressPolicy policy, URI url) {
    return switch (policy.judge(url)) {
      case Verdict.Allowed _ -> Optional.empty();
      case Verdict.Refused refused -> Optional.of(refused.reason());
      case Verdict.Unresolved unresolved -> {
        assertThat(unresolved.reason()).contains("does not resolve");
        yield Optional.of(unresolved.reason());
      }
    };
  }

  /** The addresses of the machine that runs the test play no part. */
  private static AddressPolicy policy(List<AddressPattern> allow, List<AddressPattern> deny) {
    return new AddressPolicy(allow, deny, AddressPolicyTest::literal, _ -> false);
  }

  private static List<AddressPattern> patterns(String... texts) {
    return Stream.of(texts).map(AddressPattern::parse).toList();
  }

  private static List<InetAddress> literal(String host) {
    return List.of(InetAddress.ofLiteral(host));
  }
}
