package io.gpurunner.agent.ledger.disk;

import java.util.Optional;

/**
 * Which jobs of the index a list has. Immutable.
 *
 * @param owner only that user's jobs
 * @param endedOnly only jobs that have ended
 * @param idPrefix only jobs whose id begins so
 */
public record Selection(Optional<String> owner, boolean endedOnly, Optional<String> idPrefix) {}
