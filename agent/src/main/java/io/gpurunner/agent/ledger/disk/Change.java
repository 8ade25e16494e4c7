package io.gpurunner.agent.ledger.disk;

import io.gpurunner.api.JobId;
import java.util.Optional;

/**
 * A job as it is after a change.
 *
 * @param record what is kept of it; empty if nothing is
 */
public record Change(JobId id, Optional<JobRecord> record) {}
