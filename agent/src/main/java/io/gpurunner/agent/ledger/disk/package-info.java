/**
 * What the ledger has on disk. The journal and the snapshots are the record. The index holds
 * nothing of its own, and is built again whenever it does not fit.
 *
 * <pre>
 * LedgerDisk -> Journal   -> Segment  -> Frame
 *            -> Snapshots -> Snapshot -> Frame      Backups: a snapshot elsewhere
 *            -> IndexFeed -> IndexOpener, Index, IndexView (H2)
 *            -> Reserve, LedgerLock
 * </pre>
 *
 * A group holds {@code Entry}s, what was decided about a job ({@code GroupContent}). All entries of
 * a job come to its {@code JobRecord}; {@code JobCodec} is the form of both.
 */
@NullMarked
package io.gpurunner.agent.ledger.disk;

import org.jspecify.annotations.NullMarked;
