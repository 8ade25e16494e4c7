package io.gpurunner.agent.ledger.disk;

import java.time.Instant;
import java.util.Optional;

/**
 * A callback about the end of a job, as the ledger keeps it. A job has at most one, about its last
 * end.
 *
 * @param deliveryId the same at every try
 * @param success what it reports
 * @param tries how many tries were made
 * @param firstTryAt when the first of them was made
 * @param nextTryAt when the next try is due; of a callback that is settled, when it was settled
 */
public record CallbackRecord(
    String deliveryId,
    boolean success,
    Status status,
    int tries,
    Optional<Instant> firstTryAt,
    Instant nextTryAt) {
  /** What became of a callback. */
  public enum Status {
    /** It is owed. */
    PENDING,
    /** The receiver took it. */
    DELIVERED,
    /** Its time was over before a receiver took it. */
    ABANDONED,
    /** The job is live again, so the end that the callback reports is void. */
    SUPERSEDED
  }

  static CallbackRecord of(Entry.Owed owed) {
    return new CallbackRecord(
        owed.deliveryId(), owed.success(), Status.PENDING, 0, Optional.empty(), owed.at());
  }

  /** Whether it is still to be sent. */
  public boolean isOwed() {
    return status == Status.PENDING;
  }

  /** The callback after a try of it. */
  public CallbackRecord afterTry(Status next, Instant triedAt, Instant nextAt) {
    return new CallbackRecord(
        deliveryId, success, next, tries + 1, firstTryAt.or(() -> Optional.of(triedAt)), nextAt);
  }

  /** The callback with another time of its next try. */
  public CallbackRecord dueAt(Instant at) {
    return new CallbackRecord(deliveryId, success, status, tries, firstTryAt, at);
  }

  CallbackRecord superseded() {
    return isOwed()
        ? new CallbackRecord(deliveryId, success, Status.SUPERSEDED, tries, firstTryAt, nextTryAt)
        : this;
  }
}
