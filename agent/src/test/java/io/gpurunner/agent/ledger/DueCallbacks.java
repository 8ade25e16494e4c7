package io.gpurunner.agent.ledger;

import java.time.Instant;
import java.util.List;

/** All callbacks that a ledger has to send, whoever their receivers are. Stateless. */
public final class DueCallbacks {
  private DueCallbacks() {}

  /** The callbacks that are due, by receiver. */
  public static List<PendingCallback> of(JobLedger ledger, Instant now) {
    return ledger.callbacks().receivers(now, "", Integer.MAX_VALUE).stream()
        .flatMap(receiver -> ledger.callbacks().due(receiver, now, Integer.MAX_VALUE).stream())
        .toList();
  }
}
