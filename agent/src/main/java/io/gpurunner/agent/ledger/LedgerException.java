package io.gpurunner.agent.ledger;

/** The root of this package's exceptions. */
public final class LedgerException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** What went wrong, for callers that must decide. */
  public enum Kind {
    /** Another commit changed the job first. The caller reads the job and decides again. */
    STALE,
    /** A device is leased already. */
    LEASE_TAKEN,
    /** No such job. */
    ABSENT,
    /** The request needs files that retention has removed, or a job that has not ended yet. */
    FILES_NOT_THERE,
    /** Too many commits are waiting. */
    BUSY,
    /** The ledger is closed. */
    CLOSED,
    /**
     * The ledger or its index could not be used: disk full, file damaged, file in use, index not
     * ready. Nothing of the commit was recorded.
     */
    FAILED,
    /** The disk or a file failed, and it is not known whether the commit was recorded. */
    UNKNOWN
  }

  private final Kind kind;

  public LedgerException(Kind kind, String message, Throwable cause) {
    super(message, cause);
    this.kind = kind;
  }

  public LedgerException(Kind kind, String message) {
    super(message);
    this.kind = kind;
  }

  static LedgerException failed(Exception e) {
    return e instanceof LedgerException known
        ? known
        : new LedgerException(
            Kind.FAILED, "the ledger could not be used: " + rootOf(e).getMessage(), e);
  }

  /** Returns the first cause of a failure, such as the error of a disk. */
  public static Throwable rootOf(Throwable e) {
    Throwable root = e;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return root;
  }

  public Kind kind() {
    return kind;
  }
}
