package io.gpurunner.agent.container;

/**
 * What the user and the group root of a container are on this machine, where the engine gives
 * containers a user namespace.
 */
public record ContainerRoot(int user, int group) {}
