package io.gpurunner.agent.callback;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.InetAddress;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests at which addresses a packet can end, and the first and last addresses of each range. */
final class AddressMeaningsTest {
  private static InetAddress address(String literal) {
    return InetAddress.ofLiteral(literal);
  }

  @ParameterizedTest
  @CsvSource({
    "2002:102:304::9, 1.2.3.4",
    "2001:0:909:909:1234:5678:fefd:fcfb, 1.2.3.4",
    "::1.2.3.4, 1.2.3.4",
    "::ffff:0:1.2.3.4, 1.2.3.4",
    "64:ff9b::1.2.3.4, 1.2.3.4",
    "64:ff9b:1:7:8:9:102:304, 1.2.3.4",
    "2001:db8::5efe:1.2.3.4, 1.2.3.4",
    "2001:db8::200:5efe:1.2.3.4, 1.2.3.4",
  })
  void anIpv4AddressCarriedInsideIsMeantToo(String carrier, String carried) {
    assertThat(AddressBits.meanings(address(carrier)))
        .containsExactly(address(carrier), address(carried));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "1.2.3.4",
        "::1",
        "::",
        "2003:102:304::9",
        "2001:1:909:909:1234:5678:fefd:fcfb",
        "::1:0:102:304",
        "::fffe:0:102:304",
        "64:ff9c::102:304",
        "64:ff9b:2::102:304",
        "2001:db8::100:5efe:102:304",
        "2001:db8::1:5efe:102:304",
        "2001:db8::5eff:102:304",
        "2001:db8::5ffe:102:304",
        "2001:db8::400:5efe:102:304",
      })
  void noOtherIs(String literal) {
    assertThat(AddressBits.meanings(address(literal))).containsExactly(address(literal));
  }

  @Test
  void whatItIsKnownByIsLeftOut() throws Exception {
    InetAddress named = InetAddress.getByAddress("example.org", new byte[] {1, 2, 3, 4});
    assertThat(AddressBits.meanings(named).getFirst()).hasToString("/1.2.3.4");
    AddressPolicy policy = new AddressPolicy(List.of(), List.of(), _ -> List.of(named));
    assertThat(policy.judge(URI.create("http://example.org/")))
        .isInstanceOfSatisfying(
            AddressPolicy.Verdict.Allowed.class,
            allowed -> assertThat(allowed.addresses()).hasToString("[/1.2.3.4]"));
  }

  @ParameterizedTest
  @CsvSource({
    "10.0.0.0, 10.0.0.1, 31, true",
    "10.0.0.0, 10.0.0.1, 32, false",
    "10.0.0.0, 10.0.1.0, 23, true",
    "10.0.0.0, 10.0.1.0, 24, false",
    "128.0.0.0, 0.0.0.0, 0, true",
    "128.0.0.0, 0.0.0.0, 1, false",
    "1.2.3.4, ::1, 0, false",
    "::, ::8000, 112, true",
    "::, ::8000, 113, false",
  })
  void prefixesAreComparedBitByBit(String left, String right, int bits, boolean same) {
    assertThat(AddressBits.samePrefix(address(left), address(right), bits)).isEqualTo(same);
    assertThat(AddressBits.samePrefix(address(right), address(left), bits)).isEqualTo(same);
  }

  @Test
  void anAddressIsSoManyBitsLong() {
    assertThat(AddressBits.length(address("1.2.3.4"))).isEqualTo(32);
    assertThat(AddressBits.length(address("::"))).isEqualTo(128);
  }

  @ParameterizedTest
  @CsvSource({
    "10.0.0.0/8, 10.0.0.0/8",
    "10.0.0.1/32, 10.0.0.1",
    "10.0.0.1, 10.0.0.1",
    "10.0.0.0/0, 10.0.0.0/0",
    "fd00::/8, fd00:0:0:0:0:0:0:0/8",
    "::1/128, 0:0:0:0:0:0:0:1",
    "Hooks.Example.ORG., hooks.example.org",
  })
  void anEntryIsShownAsItIsMeant(String text, String shown) {
    assertThat(AddressPattern.parse(text)).hasToString(shown);
  }

  @ParameterizedTest
  @ValueSource(strings = {"10.0.0.0/33", "::/129", "10.0.0.0/999"})
  void aPrefixIsNoLongerThanItsAddress(String text) {
    assertThatThrownBy(() -> AddressPattern.parse(text)).hasMessageContaining("prefix must be");
    assertThatThrownBy(() -> new AddressPattern.Network(address("::"), -1))
        .hasMessage("prefix must be 0 to 128");
    assertThat(new AddressPattern.Network(address("1.2.3.4"), 0)).hasToString("1.2.3.4/0");
  }

  private static AddressPolicy open(List<String> asked) {
    return new AddressPolicy(
        List.of(),
        List.of(),
        host -> {
          asked.add(host);
          return List.of(InetAddress.ofLiteral("192.0.2.1"));
        });
  }

  @ParameterizedTest
  @CsvSource({
    "http://example.org:1/, example.org",
    "HTTPS://example.org:65535/, example.org",
    "http://[2001:db8::1]/, 2001:db8::1",
    "http://[2001:db8::1]:8080/, 2001:db8::1",
  })
  void aHostIsResolvedWithoutPortAndBrackets(String url, String host) {
    List<String> asked = new ArrayList<>();
    assertThat(open(asked).judge(URI.create(url)))
        .isInstanceOf(AddressPolicy.Verdict.Allowed.class);
    assertThat(asked).containsExactly(host);
  }

  @Test
  void theEdgesOfPortAndLength() {
    List<String> asked = new ArrayList<>();
    String longest = "http://example.org/" + "a".repeat(2048 - 19);
    assertThat(open(asked).judge(URI.create(longest)))
        .isInstanceOf(AddressPolicy.Verdict.Allowed.class);
    for (String url : List.of(longest + "a", "http://example.org:65536/", "http://a.org:0/")) {
      assertThat(open(asked).judge(URI.create(url)))
          .isInstanceOf(AddressPolicy.Verdict.Refused.class);
    }
    assertThat(asked).hasSize(1);
  }

  @Test
  void aHostWithoutAnAddressMayHaveOneLater() {
    AddressPolicy policy = new AddressPolicy(List.of(), List.of(), _ -> List.of());
    assertThat(policy.judge(URI.create("http://example.org/")))
        .isEqualTo(new AddressPolicy.Verdict.Unresolved("the host example.org has no address"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "http://[::ffff:0:127.0.0.1]/|0:0:0:0:ffff:0:7f00:1|carries 127.0.0.1 and is the server",
        "http://127.0.0.1/|127.0.0.1|127.0.0.1 is the server",
        "http://example.org/|127.0.0.1|example.org resolves to 127.0.0.1, which is the server",
        "http://example.org/|::127.0.0.1|resolves to 0:0:0:0:0:0:7f00:1, which carries 127.0.0.1",
      })
  void aRefusalSaysWhichAddressIsMeant(String url, String resolved, String words) {
    AddressPolicy policy = new AddressPolicy(List.of(), List.of(), _ -> List.of(address(resolved)));
    assertThat(policy.judge(URI.create(url)))
        .isInstanceOfSatisfying(
            AddressPolicy.Verdict.Refused.class,
            refused -> assertThat(refused.reason()).contains(words));
  }
}
