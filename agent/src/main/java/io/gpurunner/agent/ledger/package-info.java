/**
 * The record of jobs. A commit is decided on what is in memory, recorded, and then answered.
 *
 * <pre>
 * caller -> JobLedger -> commit.CommitThread -> Recorder -> disk.LedgerDisk
 *              |                                   | decides in a Draft
 *              +-- Records, EndedStandings <-------+ what is on disk, for all to read
 * </pre>
 */
@NullMarked
package io.gpurunner.agent.ledger;

import org.jspecify.annotations.NullMarked;
