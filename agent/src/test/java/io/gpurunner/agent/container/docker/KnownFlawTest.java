package io.gpurunner.agent.container.docker;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.docker.KnownFlaw.Product;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class KnownFlawTest {
  private static final Pattern ROW =
      Pattern.compile("\\| (CVE-[0-9-]+) \\| ([^|]+) \\| ([^|]+) \\| [^|]+ \\| <([^>]+)> \\|");

  private static List<String> flawsOf(Product product, String version) {
    return KnownFlaw.ALL.stream()
        .filter(flaw -> flaw.product() == product && flaw.isIn(Release.in(version).orElseThrow()))
        .map(KnownFlaw::cve)
        .toList();
  }

  @ParameterizedTest
  @CsvSource({
    // The version, and the flaws that it has.
    "1.1.5+ds1-1+deb12u1, CVE-2024-21626 CVE-2025-31133 CVE-2025-52565 CVE-2025-52881"
        + " CVE-2026-41579",
    "1.1.12, CVE-2025-31133 CVE-2025-52565 CVE-2025-52881 CVE-2026-41579",
    "v1.2.8, CVE-2026-41579",
    "1.3.2-0ubuntu1, CVE-2025-31133 CVE-2025-52565 CVE-2025-52881 CVE-2026-41579",
    "1.3.3, CVE-2026-41579",
    "1.3.6, ''",
    "1.4.0-rc.2, CVE-2025-31133 CVE-2025-52565 CVE-2025-52881 CVE-2026-41579",
    "1.4.0~rc.3, CVE-2026-41579",
    "1.4.0, CVE-2026-41579",
    "1.4.3, ''",
    "1.5.0-rc.1, CVE-2026-41579",
    "1.5.0, ''",
    "2.0, ''"
  })
  void eachLineOfRuncHasItsOwnFixes(String version, String flaws) {
    assertThat(String.join(" ", flawsOf(Product.RUNC, version))).isEqualTo(flaws);
  }

  @ParameterizedTest
  @CsvSource({
    "20.10.8, CVE-2021-41091 CVE-2022-36109 CVE-2024-29018 CVE-2025-54410",
    "20.10.24+dfsg1, CVE-2024-29018 CVE-2025-54410",
    "23.0.11, CVE-2025-54410",
    "24.0.9, CVE-2024-29018 CVE-2025-54410",
    "25.0.13, ''",
    "26.1.5+dfsg1, CVE-2025-54410",
    "28.0.0, ''",
    "29.1.0, ''"
  })
  void eachLineOfDockerHasItsOwnFixes(String version, String flaws) {
    assertThat(String.join(" ", flawsOf(Product.DOCKER, version))).isEqualTo(flaws);
  }

  @ParameterizedTest
  @CsvSource({
    "1.16.1, CVE-2024-0132 CVE-2025-23359 CVE-2025-23266 CVE-2025-23267",
    "1.17.3-1, CVE-2025-23359 CVE-2025-23266 CVE-2025-23267",
    "1.17.7, CVE-2025-23266 CVE-2025-23267",
    "1.17.8, ''",
    "1.18.2, ''"
  })
  void aToolkitIsSafeFromItsLastFixOn(String version, String flaws) {
    assertThat(String.join(" ", flawsOf(Product.TOOLKIT, version))).isEqualTo(flaws);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "dev", "unknown", "vendored", "1", "99999999999.1.1"})
  void whatIsNoVersionIsNotJudged(String text) {
    assertThat(Release.in(text)).isEmpty();
    assertThat(EngineWeaknesses.of(Map.of(Product.RUNC, text))).isEmpty();
  }

  @Test
  void oneSentenceSaysWhatIsOldAndWhatIsNewEnough() {
    assertThat(
            EngineWeaknesses.of(
                Map.of(
                    Product.RUNC, "1.1.12", Product.DOCKER, "29.1.0", Product.TOOLKIT, "1.17.7")))
        .containsExactly(
            "runc 1.1.12 is older than the fix of CVE-2025-31133, CVE-2025-52565, CVE-2025-52881"
                + " (1.2.8, 1.3.3, 1.4.0-rc.3 or later), CVE-2026-41579 (1.3.6, 1.4.3, 1.5.0-rc.3"
                + " or later): update it; a distribution may have mended its package under the old"
                + " number (docs/security.md)",
            "the NVIDIA Container Toolkit 1.17.7 is older than the fix of CVE-2025-23266,"
                + " CVE-2025-23267 (1.17.8 or later): update it; a distribution may have mended its"
                + " package under the old number (docs/security.md)");
  }

  /** The page names the same flaws, releases and sources. */
  @Test
  void thePageHasTheSameTable() throws IOException {
    Path page = Path.of("../docs/security.md");
    Map<String, String> documented =
        ROW.matcher(Files.readString(page))
            .results()
            .collect(
                Collectors.toMap(
                    row -> row.group(1),
                    row -> row.group(2) + "|" + row.group(3) + "|" + row.group(4)));
    Map<String, String> known =
        KnownFlaw.ALL.stream()
            .collect(
                Collectors.toMap(
                    KnownFlaw::cve,
                    flaw ->
                        words(flaw.product())
                            + "|"
                            + flaw.fixedIn().stream()
                                .map(Release::toString)
                                .collect(Collectors.joining(", "))
                            + "|"
                            + flaw.source()));
    assertThat(documented).isEqualTo(known);
  }

  private static String words(Product product) {
    return product == Product.TOOLKIT ? "NVIDIA Container Toolkit" : product.toString();
  }
}
