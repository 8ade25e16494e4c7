package io.gpurunner.agent.config;

import java.nio.file.Path;

/**
 * How tokens are signed.
 *
 * @param secretFile the HS512 secret, made at first start where absent
 */
public record AuthConfig(Path secretFile) {}
