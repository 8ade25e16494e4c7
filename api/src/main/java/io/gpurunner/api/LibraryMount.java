package io.gpurunner.api;

/**
 * A dataset or model of the machine's libraries that the job wants mounted read-only.
 *
 * @param name its name in the library (a directory name, already found in the library)
 * @param containerPath where the job sees it: absolute and normalised
 */
public record LibraryMount(String name, String containerPath) {}
