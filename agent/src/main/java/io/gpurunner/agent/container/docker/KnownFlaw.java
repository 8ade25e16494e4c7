package io.gpurunner.agent.container.docker;

import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * A published flaw of a program under the agent that a job could use against the host or another
 * job. The same table is in docs/security.md, and a test compares the two.
 *
 * @param cve its number
 * @param fixedIn the first release of each line that has the fix; later lines have it, too
 * @param source the advisory that names these releases
 */
record KnownFlaw(Product product, String cve, List<Release> fixedIn, String source) {
  /** A program under the agent. */
  enum Product {
    RUNC("runc"),
    DOCKER("Docker"),
    TOOLKIT("the NVIDIA Container Toolkit");

    private final String words;

    Product(String words) {
      this.words = words;
    }

    @Override
    public String toString() {
      return words;
    }
  }

  private static final String RUNC = "https://github.com/opencontainers/runc/security/advisories/";
  private static final String MOBY = "https://github.com/moby/moby/security/advisories/";
  private static final String NVIDIA = "https://nvidia.custhelp.com/app/answers/detail/a_id/";

  /** Every flaw that is looked for. */
  static final List<KnownFlaw> ALL =
      List.of(
          // A leaked descriptor leads a container's working directory to the host's files.
          flaw(Product.RUNC, "CVE-2024-21626", RUNC + "GHSA-xr7r-f8xq-vfvv", "1.1.12"),
          // An image's /dev/null or /dev/pts leads masked files of /proc back into the container.
          flaw(
              Product.RUNC,
              "CVE-2025-31133",
              RUNC + "GHSA-9493-h29p-rfm2",
              "1.2.8",
              "1.3.3",
              "1.4.0-rc.3"),
          flaw(
              Product.RUNC,
              "CVE-2025-52565",
              RUNC + "GHSA-qw9x-cqr3-wc7r",
              "1.2.8",
              "1.3.3",
              "1.4.0-rc.3"),
          // Writes to /proc are led elsewhere, so that AppArmor or SELinux do not apply.
          flaw(
              Product.RUNC,
              "CVE-2025-52881",
              RUNC + "GHSA-cgrx-mc8f-2prm",
              "1.2.8",
              "1.3.3",
              "1.4.0-rc.3"),
          // An image whose /dev is a link has runc create a few files on the host.
          flaw(
              Product.RUNC,
              "CVE-2026-41579",
              RUNC + "GHSA-xjvp-4fhw-gc47",
              "1.3.6",
              "1.4.3",
              "1.5.0-rc.3"),
          // Any user of the host may enter the engine's directory of containers.
          flaw(Product.DOCKER, "CVE-2021-41091", MOBY + "GHSA-3fwx-pjgw-3558", "20.10.9"),
          // A container's user has groups that it should not have.
          flaw(Product.DOCKER, "CVE-2022-36109", MOBY + "GHSA-rc4r-wh2q-q6c4", "20.10.18"),
          // Names that a container of an internal network asks for leave the machine.
          flaw(
              Product.DOCKER,
              "CVE-2024-29018",
              MOBY + "GHSA-mq39-4gv4-mvpx",
              "23.0.11",
              "25.0.5",
              "26.0.0-rc3"),
          // After a reload of firewalld, the networks of containers are not separate any more.
          flaw(Product.DOCKER, "CVE-2025-54410", MOBY + "GHSA-4vq8-7jfc-9cvp", "25.0.13", "28.0.0"),
          // An image gets the host's files while the hook mounts the driver. Not with CDI.
          flaw(Product.TOOLKIT, "CVE-2024-0132", NVIDIA + "5582", "1.16.2"),
          flaw(Product.TOOLKIT, "CVE-2025-23359", NVIDIA + "5616", "1.17.4"),
          // LD_PRELOAD of an image runs the image's code as root of the host.
          flaw(Product.TOOLKIT, "CVE-2025-23266", NVIDIA + "5659", "1.17.8"),
          // A link in an image leads the hook that writes the cache of libraries elsewhere.
          flaw(Product.TOOLKIT, "CVE-2025-23267", NVIDIA + "5659", "1.17.8"));

  private static KnownFlaw flaw(Product product, String cve, String source, String... fixedIn) {
    return new KnownFlaw(
        product,
        cve,
        Stream.of(fixedIn).map(text -> Release.in(text).orElseThrow()).toList(),
        source);
  }

  /** Returns whether a release has this flaw, as its maker published it. */
  boolean isIn(Release release) {
    Release last = fixedIn.stream().max(Comparator.naturalOrder()).orElseThrow();
    boolean hasFix =
        release.compareTo(last) >= 0
            || fixedIn.stream()
                .anyMatch(fix -> release.isOfTheLineOf(fix) && release.compareTo(fix) >= 0);
    return !hasFix;
  }

  /** Returns the first releases with the fix: {@code 1.2.8, 1.3.3 or later}. */
  String cure() {
    return String.join(", ", fixedIn.stream().map(Release::toString).toList()) + " or later";
  }
}
