package io.gpurunner.agent.ledger.disk;

import java.io.IOException;

/** Another process has the ledger open. */
public final class LedgerInUse extends IOException {
  private static final long serialVersionUID = 1L;

  LedgerInUse(LedgerPlace place) {
    super(
        "another agent already uses "
            + place.directory().getParent()
            + ": stop it, or give this one another state-dir");
  }
}
