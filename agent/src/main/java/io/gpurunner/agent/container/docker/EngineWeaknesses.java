package io.gpurunner.agent.container.docker;

import io.gpurunner.agent.container.docker.KnownFlaw.Product;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** Says what is weak about the programs under the agent. Pure. */
final class EngineWeaknesses {
  private static final String DISTRIBUTION =
      "; a distribution may have mended its package under the old number (docs/security.md)";

  private EngineWeaknesses() {}

  /**
   * Returns one sentence for each program with published flaws.
   *
   * @param versions the versions of the programs, as far as they are known
   */
  static List<String> of(Map<Product, String> versions) {
    List<String> found = new ArrayList<>();
    for (Product product : Product.values()) {
      String version = versions.getOrDefault(product, "");
      Map<String, List<String>> byCure = new LinkedHashMap<>();
      Release.in(version)
          .ifPresent(
              release ->
                  KnownFlaw.ALL.stream()
                      .filter(flaw -> flaw.product() == product && flaw.isIn(release))
                      .forEach(
                          flaw ->
                              byCure
                                  .computeIfAbsent(flaw.cure(), cure -> new ArrayList<>())
                                  .add(flaw.cve())));
      if (!byCure.isEmpty()) {
        found.add(sentence(product, version, byCure));
      }
    }
    return List.copyOf(found);
  }

  private static String sentence(
      Product product, String version, Map<String, List<String>> byCure) {
    return product
        + " "
        + version
        + " is older than the fix of "
        + byCure.entrySet().stream()
            .map(cure -> String.join(", ", cure.getValue()) + " (" + cure.getKey() + ")")
            .collect(Collectors.joining(", "))
        + ": update it"
        + DISTRIBUTION;
  }
}
