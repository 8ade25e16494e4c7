/**
 * The record of jobs. A commit is decided on what is in memory, recorded, and then answered.
 *
 * <pre>
 * caller -> JobLedger -> commit.CommitThread -> Decisions -> Draft -> Recorder -> disk.LedgerDisk
 *              |                                                        |
 *              +-- Records, EndedStandings: what is on disk <-----------+
 * </pre>
 */
@NullMarked
package io.gpurunner.agent.ledger;

import org.jspecify.annotations.NullMarked;
