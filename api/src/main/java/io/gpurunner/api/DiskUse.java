package io.gpurunner.api;

/**
 * What a user has on the machine's disk.
 *
 * @param reservedBytes for his jobs that have been placed and have not ended
 * @param keptBytes of his jobs that have ended: directories, logs and local artifacts
 * @param limitBytes the most that he may have in all
 */
public record DiskUse(long reservedBytes, long keptBytes, long limitBytes) {}
