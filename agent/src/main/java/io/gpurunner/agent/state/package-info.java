/**
 * The agent's state directory, and its id. The files of the ledger, jobs and secrets have owners
 * elsewhere.
 */
@NullMarked
package io.gpurunner.agent.state;

import org.jspecify.annotations.NullMarked;
