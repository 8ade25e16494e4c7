package io.gpurunner.agent.config;

import java.util.Optional;

/**
 * The limits of each user.
 *
 * @param diskPerUserMegabytes the most that the jobs of a user may have on this machine's disk, in
 *     MB of 10^6 bytes; empty for no limit
 */
public record LimitsConfig(Optional<Long> diskPerUserMegabytes) {
  static LimitsConfig read(Section section) {
    return new LimitsConfig(section.optional("disk-per-user", ValueForms.MEGABYTES));
  }
}
