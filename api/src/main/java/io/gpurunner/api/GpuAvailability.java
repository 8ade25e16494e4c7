package io.gpurunner.api;

/**
 * A type of GPU of this machine.
 *
 * @param type product name as GPU Feature Discovery prints it (blanks as dashes)
 * @param total how many GPUs of this type can be given to jobs once no other job holds them
 * @param allocatable how many of them can be given to a job now, because no job holds them and they
 *     are fit
 */
public record GpuAvailability(String type, int total, int allocatable) {}
