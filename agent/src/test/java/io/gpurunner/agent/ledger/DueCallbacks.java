package io.gpurunner.agent.ledger;

import java.time.Instant;
import java.util.List;

/** All callbacks that a ledger has to send, whoever their receivers are. Stateless. */
public final class DueCallbacks {
  private DueCallbacks() {}

  /** The callbacks that are due, by receiver. */
  public static List<PendingCallback> of(JobLedger ledger, Instant now) {
    OwedCallbacks owed = ledger.callbacks();
    return owed.users(now, "", Integer.MAX_VALUE).stream()
        .flatMap(
            user ->
                owed.receivers(user, now, "", Integer.MAX_VALUE).stream()
                    .flatMap(receiver -> owed.due(user, receiver, now, Integer.MAX_VALUE).stream()))
        .toList();
  }
}
