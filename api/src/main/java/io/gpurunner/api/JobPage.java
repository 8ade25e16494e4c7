package io.gpurunner.api;

import java.util.List;

/** One page of a list of jobs, and the number of jobs in the whole list. */
public record JobPage(List<JobDetail> content, long totalElements) {}
