package io.gpurunner.api;

/**
 * One kind of GPU of this machine.
 *
 * @param type product name as GPU Feature Discovery prints it (blanks as dashes)
 * @param total how many there are
 * @param allocatable how many of them no job holds now and are fit to be given to one
 */
public record GpuAvailability(String type, int total, int allocatable) {}
