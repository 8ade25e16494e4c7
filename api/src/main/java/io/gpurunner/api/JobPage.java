package io.gpurunner.api;

import java.util.List;

/** One page of a list of jobs, and how many there are in all. */
public record JobPage(List<JobDetail> content, long totalElements) {}
