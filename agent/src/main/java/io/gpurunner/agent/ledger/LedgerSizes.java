package io.gpurunner.agent.ledger;

/**
 * How large a ledger's files are, in bytes.
 *
 * @param compactFromBytes a database smaller than this is not worth compacting
 * @param journalBytes of the journal; commits larger than that go to the database at once
 */
record LedgerSizes(long compactFromBytes, int journalBytes) {
  /** What an agent goes by. */
  static final LedgerSizes USUAL = new LedgerSizes(256L << 20, LedgerJournal.BYTES);
}
