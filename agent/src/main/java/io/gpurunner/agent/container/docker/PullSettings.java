package io.gpurunner.agent.container.docker;

import java.nio.file.Path;
import java.time.Duration;

/**
 * How images come to this machine.
 *
 * @param rule when a registry is asked
 * @param credentialsFile the passwords of registries, in the form of Docker's config.json; it need
 *     not exist
 * @param stall after which time without progress a pull is given up
 */
public record PullSettings(PullRule rule, Path credentialsFile, Duration stall) {}
