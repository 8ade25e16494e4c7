package io.gpurunner.api;

/**
 * A type of GPU of this machine.
 *
 * @param type product name as GPU Feature Discovery prints it (blanks as dashes)
 * @param total how many there are
 * @param allocatable how many of them can be given to a job now: no job holds them, and they are
 *     fit
 */
public record GpuAvailability(String type, int total, int allocatable) {}
