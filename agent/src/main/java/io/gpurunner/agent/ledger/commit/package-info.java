/**
 * The thread that records. All commits that wait make a group, which shares one write and one sync.
 *
 * <pre>
 * caller, Commit -> CommitThread -> GroupCommit -> GroupCommit.Group, which is Recorder
 * </pre>
 */
@NullMarked
package io.gpurunner.agent.ledger.commit;

import org.jspecify.annotations.NullMarked;
