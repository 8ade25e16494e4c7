package io.gpurunner.agent.ledger;

/** The root of this package's exceptions. */
public final class LedgerException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** What went wrong, for callers that must decide. */
  public enum Kind {
    /** Somebody else committed to the job first: read it again and decide again. */
    STALE,
    /** A device is leased already. */
    LEASE_TAKEN,
    /** No such job. */
    ABSENT,
    /** What is asked for needs files that retention has removed, or a job that has ended. */
    FILES_NOT_THERE,
    /** More commits are waiting than are allowed to. */
    BUSY,
    /** The ledger is closed. */
    CLOSED,
    /**
     * The database failed: disk full, file damaged, file in use. Nothing of the commit was
     * recorded.
     */
    FAILED,
    /** The same, and whether the commit was recorded is not known. */
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

  /** The fault that all others came of: what the disk said, where a disk is behind it. */
  static Throwable rootOf(Throwable e) {
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
