package io.gpurunner.agent.container;

import io.gpurunner.agent.callback.AddressPolicy;
import io.gpurunner.agent.callback.AddressPolicy.Verdict;
import io.gpurunner.api.ImageReference;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Decides which registries are asked for the images of jobs, and for which users this machine's
 * passwords are used. The engine asks a registry from this machine, so the addresses that a
 * callback may not reach are closed to it, too (docs/adr/025). Thread-safe.
 */
public final class RegistryRules {
  /** The entry of {@link #grants} that means every user. */
  public static final String EVERYONE = "*";

  private final List<RegistryPattern> registries;
  private final Map<RegistryPattern, Set<String>> grants;
  private final AddressPolicy addresses;

  /**
   * @param registries the registries that jobs may use; a host that an entry does not name in full
   *     is judged by its addresses
   * @param grants the users for whom this machine's password for a registry is used
   * @param addresses judges the addresses of hosts
   */
  public RegistryRules(
      List<RegistryPattern> registries,
      Map<RegistryPattern, Set<String>> grants,
      AddressPolicy addresses) {
    this.registries = List.copyOf(registries);
    this.grants = Map.copyOf(grants);
    this.addresses = addresses;
  }

  /**
   * Returns why the registry of an image is not asked, for the user, as far as that is known
   * without asking a name server.
   */
  public Optional<String> refusalWithoutLookup(ImageReference image) {
    String registry = image.fullRegistry();
    boolean refused =
        switch (rule(registry)) {
          case OPEN -> false;
          case CLOSED -> true;
          case BY_ADDRESS ->
              addresses.judgeWithoutLookup(RegistryPattern.hostOf(registry)).isPresent();
        };
    return refused
        ? Optional.of(
            "this machine's rules do not let jobs use the registry "
                + registry
                + " (images.registries, callbacks); name an image of another registry")
        : Optional.empty();
  }

  /** Returns what a user may have of registries. */
  public RegistryAccess of(String user) {
    return new RegistryAccess() {
      @Override
      public boolean mayLogIn(ImageReference image) {
        return grants.entrySet().stream()
            .filter(grant -> grant.getKey().covers(image.fullRegistry()))
            .anyMatch(
                grant -> grant.getValue().contains(user) || grant.getValue().contains(EVERYONE));
      }

      @Override
      public void requireAllowed(ImageReference image) {
        RegistryRules.this.requireAllowed(image);
      }
    };
  }

  /** What {@code images.registries} says of a registry. */
  private enum Rule {
    /** It is named in full. */
    OPEN,
    /** Only a wildcard covers it, so its addresses decide. */
    BY_ADDRESS,
    /** Nothing covers it. */
    CLOSED
  }

  private Rule rule(String registry) {
    List<RegistryPattern> covering =
        registries.stream().filter(pattern -> pattern.covers(registry)).toList();
    if (covering.isEmpty()) {
      return Rule.CLOSED;
    }
    return covering.stream().allMatch(RegistryPattern::isWide) ? Rule.BY_ADDRESS : Rule.OPEN;
  }

  private void requireAllowed(ImageReference image) {
    String registry = image.fullRegistry();
    switch (rule(registry)) {
      case OPEN -> {}
      case CLOSED ->
          throw refused(
              PullFault.NOT_ALLOWED, image, "images.registries does not name " + registry);
      case BY_ADDRESS -> {
        switch (addresses.judgeHost(RegistryPattern.hostOf(registry))) {
          case Verdict.Allowed _ -> {}
          case Verdict.Refused refused ->
              throw refused(
                  PullFault.NOT_ALLOWED,
                  image,
                  refused.reason()
                      + "; a registry that images.registries names in full is not judged");
          case Verdict.Unresolved unresolved ->
              throw refused(
                  PullFault.NOT_RESOLVED,
                  image,
                  unresolved.reason()
                      + "; a registry that images.registries names in full is not looked up");
        }
      }
    }
  }

  private static ContainerException refused(PullFault fault, ImageReference image, String detail) {
    return ContainerException.of(fault, "asking for " + image, detail);
  }
}
