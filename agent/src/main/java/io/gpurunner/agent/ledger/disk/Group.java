package io.gpurunner.agent.ledger.disk;

import java.util.List;

/**
 * The entries of the commits that shared one write and one sync. All of them are in the ledger, or
 * none is.
 *
 * @param number counts the groups of a ledger from 1 on, without a gap
 */
public record Group(long number, List<Entry> entries) {
  public Group {
    entries = List.copyOf(entries);
  }
}
