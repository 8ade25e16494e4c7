package io.gpurunner.agent.container;

import io.gpurunner.agent.callback.AddressPolicy;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/** Rules of registries for tests that are about something else. */
public final class OpenRegistries {
  private OpenRegistries() {}

  /** Returns rules that let all users ask Docker Hub and the registries of this machine. */
  public static RegistryRules rules() {
    return rules("docker.io", "127.0.0.1:*", "registry.invalid", "registry.example");
  }

  /**
   * Returns rules with these entries, and each of their passwords for every user. Every name
   * resolves to an address outside, except those below {@code inside.test}, which are loopback, and
   * those below {@code invalid}, which do not resolve.
   */
  public static RegistryRules rules(String... entries) {
    return new RegistryRules(
        Stream.of(entries).map(RegistryPattern::parse).toList(),
        Map.of(RegistryPattern.parse("*"), Set.of(RegistryRules.EVERYONE)),
        new AddressPolicy(List.of(), List.of(), OpenRegistries::resolve));
  }

  private static List<InetAddress> resolve(String host) throws UnknownHostException {
    if (host.endsWith("invalid")) {
      throw new UnknownHostException("the host " + host + " does not resolve");
    }
    return List.of(
        InetAddress.ofLiteral(host.endsWith("inside.test") ? "127.0.0.1" : "203.0.113.9"));
  }

  /** Returns the access of a user who may do all that these rules let anybody do. */
  public static RegistryAccess access() {
    return rules().of("ann");
  }
}
