package io.gpurunner.agent.container;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.callback.AddressPattern;
import io.gpurunner.agent.callback.AddressPolicy;
import io.gpurunner.api.ImageReference;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Attacks with the names of images. */
final class RegistryRulesTest {
  private final List<String> lookedUp = new ArrayList<>();

  private List<InetAddress> resolve(String host) throws UnknownHostException {
    lookedUp.add(host);
    return switch (host) {
      case "outside.test", "registry.lab" -> List.of(InetAddress.ofLiteral("203.0.113.9"));
      case "private.test" -> List.of(InetAddress.ofLiteral("10.1.2.3"));
      case "denied.test" -> List.of(InetAddress.ofLiteral("10.9.0.1"));
      case "loopback.test", "trusted.test" -> List.of(InetAddress.ofLiteral("127.0.0.1"));
      case "two.test" ->
          Stream.of("203.0.113.9", "169.254.169.254").map(InetAddress::ofLiteral).toList();
      case "nowhere.test" -> throw new UnknownHostException("does not resolve: " + host);
      default -> List.of(InetAddress.ofLiteral(host));
    };
  }

  private RegistryRules rules(String... entries) {
    return new RegistryRules(
        Stream.of(entries).map(RegistryPattern::parse).toList(),
        Map.of(
            RegistryPattern.parse("registry.lab:5000"),
            Set.of("ann"),
            RegistryPattern.parse("outside.test"),
            Set.of(RegistryRules.EVERYONE)),
        new AddressPolicy(List.of(), List.of(AddressPattern.parse("10.9.0.0/16")), this::resolve));
  }

  private RegistryRules byDefault() {
    return rules("docker.io", "*");
  }

  private static Optional<ContainerException> refusal(RegistryRules rules, String image) {
    try {
      rules.of("ann").requireAllowed(ImageReference.of(image));
      return Optional.empty();
    } catch (ContainerException e) {
      return Optional.of(e);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "127.0.0.1:80/x",
        "127.0.0.2/x",
        "localhost/x",
        "localhost:5000/x",
        "LocalHost:5000/x",
        "a.localhost/x",
        "[::1]:5000/x",
        "[::ffff:7f00:1]:5000/x",
        "[64:ff9b::7f00:1]/x",
        "0.0.0.0:80/x",
        "127.1:80/x",
        "2130706433:80/x",
        "0x7f000001:80/x",
        "0177.0.0.1/x",
        "169.254.169.254/x",
        "[fd00:ec2::254]/x",
        "10.9.0.7:5000/x",
        "127.0.0.1:80/x@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
      })
  void anAddressThatACallbackMayNotReachIsRefusedWithoutALookup(String image) {
    ImageReference reference = ImageReference.of(image);
    assertThat(byDefault().refusalWithoutLookup(reference)).isPresent();
    assertThat(refusal(byDefault(), image))
        .get()
        .extracting(ContainerException::words)
        .isEqualTo(PullFault.NOT_ALLOWED.words());
    assertThat(lookedUp).isEmpty();
  }

  /** The name is judged when the image is about to be pulled, and the user reads no address. */
  @ParameterizedTest
  @CsvSource({
    "loopback.test:5000/x, NOT_ALLOWED",
    "denied.test/x, NOT_ALLOWED",
    "two.test/x, NOT_ALLOWED",
    "nowhere.test/x, NOT_RESOLVED"
  })
  void aNameIsJudgedByItsAddresses(String image, PullFault fault) {
    assertThat(byDefault().refusalWithoutLookup(ImageReference.of(image))).isEmpty();
    assertThat(lookedUp).isEmpty();
    ContainerException refusal = refusal(byDefault(), image).orElseThrow();
    assertThat(refusal.kind()).isEqualTo(fault.kind());
    assertThat(refusal.words()).isEqualTo(fault.words()).doesNotContain("127.0.0.1", "10.9");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"busybox", "ann/train", "docker.io/x", "outside.test/x", "private.test:5000/x"})
  void dockerHubAndHostsThatACallbackMayReachAreAsked(String image) {
    assertThat(byDefault().refusalWithoutLookup(ImageReference.of(image))).isEmpty();
    assertThat(refusal(byDefault(), image)).isEmpty();
  }

  /** A name server plays no part for Docker Hub, so that it may be reached by a proxy only. */
  @Test
  void whatIsNamedInFullIsNotLookedUp() {
    assertThat(refusal(byDefault(), "busybox")).isEmpty();
    assertThat(refusal(rules("trusted.test:5000"), "trusted.test:5000/x")).isEmpty();
    assertThat(refusal(rules("127.0.0.1:5000"), "127.0.0.1:5000/x")).isEmpty();
    assertThat(lookedUp).isEmpty();
    assertThat(refusal(rules("127.0.0.1:5000"), "127.0.0.1:5001/x")).isPresent();
  }

  @Test
  void anAllowListClosesAllOthers() {
    RegistryRules rules = rules("registry.lab", "*.test");
    assertThat(refusal(rules, "registry.lab/x")).isEmpty();
    assertThat(refusal(rules, "outside.test/x")).isEmpty();
    assertThat(refusal(rules, "loopback.test/x")).as("a wildcard is judged").isPresent();
    for (String image : List.of("busybox", "registry.lab:5000/x", "203.0.113.9/x")) {
      assertThat(rules.refusalWithoutLookup(ImageReference.of(image))).as(image).isPresent();
      assertThat(refusal(rules, image)).as(image).isPresent();
    }
  }

  @Test
  void aPasswordIsUsedForThoseToWhomItsRegistryIsGranted() {
    ImageReference secret = ImageReference.of("registry.lab:5000/team/x");
    assertThat(byDefault().of("ann").mayLogIn(secret)).isTrue();
    assertThat(byDefault().of("bob").mayLogIn(secret)).isFalse();
    assertThat(byDefault().of("*").mayLogIn(secret)).isFalse();
    assertThat(byDefault().of("ann").mayLogIn(ImageReference.of("registry.lab/x"))).isFalse();
    assertThat(byDefault().of("bob").mayLogIn(ImageReference.of("outside.test/x"))).isTrue();
  }
}
