package io.gpurunner.agent.ledger.disk;

import io.gpurunner.api.JobId;
import java.util.Optional;

/**
 * What became of a job.
 *
 * @param record all that is kept of it now; empty where nothing is
 */
public record Change(JobId id, Optional<JobRecord> record) {}
