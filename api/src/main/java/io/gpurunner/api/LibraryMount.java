package io.gpurunner.api;

/**
 * A data set or model of the machine's libraries that the job mounts read-only.
 *
 * @param name the name of its directory in the library, which has been found there
 * @param containerPath where it is mounted in the container: absolute and normalised
 */
public record LibraryMount(String name, String containerPath) {}
