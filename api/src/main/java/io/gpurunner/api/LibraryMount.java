package io.gpurunner.api;

/**
 * A data set or model of the machine's libraries that the job mounts read-only.
 *
 * @param name its name in the library (a directory name, already found in the library)
 * @param containerPath where the job sees it: absolute and normalised
 */
public record LibraryMount(String name, String containerPath) {}
