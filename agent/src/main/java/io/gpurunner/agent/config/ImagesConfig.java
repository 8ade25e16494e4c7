package io.gpurunner.agent.config;

import io.gpurunner.agent.auth.UserName;
import io.gpurunner.agent.container.RegistryPattern;
import io.gpurunner.agent.container.RegistryRules;
import io.gpurunner.agent.container.docker.PullRule;
import io.gpurunner.api.ImageReference;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * How images come to this machine.
 *
 * @param pull when a registry is asked for an image
 * @param credentialsFile the passwords of registries, in the form of Docker's config.json
 * @param registries the registries that jobs may use
 * @param credentials the users for whom the password of a registry is used; {@link
 *     RegistryRules#EVERYONE} means all
 * @param retryFor how long a pull that fails is retried before the job fails
 * @param stall after which time without progress a pull is given up
 * @param keepMegabytes the room that images which the agent pulled may take, in MB of 10^6 bytes
 */
public record ImagesConfig(
    PullRule pull,
    Path credentialsFile,
    List<RegistryPattern> registries,
    Map<RegistryPattern, Set<String>> credentials,
    Duration retryFor,
    Duration stall,
    long keepMegabytes) {
  /** The file in which {@code docker login} of root keeps passwords. */
  private static final Path CREDENTIALS_OF_ROOT = Path.of("/root/.docker/config.json");

  /** Docker Hub, and every registry whose addresses a callback may reach. */
  private static final List<RegistryPattern> REGISTRIES =
      List.of(RegistryPattern.parse(ImageReference.DOCKER_HUB), RegistryPattern.parse("*"));

  private static final ValueForm<RegistryPattern> REGISTRY =
      ValueForm.quoted(
          "a registry as images name it (registry.lab:5000), with *. for all names below a domain"
              + " or :* for all ports; or \"*\"",
          RegistryPattern::parse);

  private static final ValueForm<String> USER =
      ValueForm.quoted(
          "\"*\" for all users, or a user: " + UserName.ACCEPTED,
          text -> text.equals(RegistryRules.EVERYONE) ? text : new UserName(text).value());

  public ImagesConfig {
    registries = List.copyOf(registries);
    credentials = Map.copyOf(credentials);
  }

  static ImagesConfig read(Section section) {
    return new ImagesConfig(
        section.value("pull", PullRule.NEWER, ValueForms.word(PullRule.class)),
        section.value("credentials-file", CREDENTIALS_OF_ROOT, ValueForms.ABSOLUTE_PATH),
        section.list("registries", REGISTRIES, REGISTRY),
        section.lists("credentials", REGISTRY, USER),
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
