package io.gpurunner.agent.job;

import java.util.List;

/** One page of a list, and how many jobs the whole list has. */
public record Listed<T>(List<T> rows, long total) {}
