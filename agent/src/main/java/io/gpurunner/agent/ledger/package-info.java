/** The record of jobs: H2 on disk, one thread that writes it, and what of it is kept in memory. */
@NullMarked
package io.gpurunner.agent.ledger;

import org.jspecify.annotations.NullMarked;
