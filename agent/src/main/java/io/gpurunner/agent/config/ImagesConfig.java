package io.gpurunner.agent.config;

import io.gpurunner.agent.container.docker.PullRule;
import java.nio.file.Path;
import java.time.Duration;

/**
 * How images come to this machine.
 *
 * @param pull when a registry is asked for an image
 * @param credentialsFile the passwords of registries, in the form of Docker's config.json
 * @param retryFor how long a pull that fails is retried before the job fails
 * @param stall after which time without progress a pull is given up
 * @param keepMegabytes the room that images which the agent pulled may take, in MB of 10^6 bytes
 */
public record ImagesConfig(
    PullRule pull, Path credentialsFile, Duration retryFor, Duration stall, long keepMegabytes) {
  /** The file in which {@code docker login} of root keeps passwords. */
  private static final Path CREDENTIALS_OF_ROOT = Path.of("/root/.docker/config.json");

  static ImagesConfig read(Section section) {
    return new ImagesConfig(
        section.value("pull", PullRule.NEWER, ValueForms.word(PullRule.class)),
        section.value("credentials-file", CREDENTIALS_OF_ROOT, ValueForms.ABSOLUTE_PATH),
        section.value(
            "retry-for",
            Duration.ofHours(1),
            ValueForms.duration(Duration.ZERO, Duration.ofDays(30))),
        section.value(
            "stall",
            Duration.ofMinutes(5),
            ValueForms.duration(Duration.ofSeconds(10), Duration.ofHours(3))),
        section.value("keep", 100_000L, ValueForms.MEGABYTES));
  }
}
