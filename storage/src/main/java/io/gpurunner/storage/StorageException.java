package io.gpurunner.storage;

/**
 * The exception of this module. Its message names the directory, file or store, what was wrong, and
 * what to do next.
 */
public final class StorageException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** What went wrong, for callers that must decide. */
  public enum Kind {
    /** A retry may help: the store is down, slow or overloaded. */
    UNAVAILABLE,
    /** A retry does not help: refused credentials, no such bucket, a file that cannot be read. */
    REFUSED,
    /**
     * The job's files cannot be taken as they are: too many files, too deep, too large for the
     * target; or the disk did not take them. Neither a retry nor another store helps.
     */
    UNFIT,
    /** There is no space left. */
    FULL,
    /** The caller cancelled the call. */
    CANCELLED
  }

  private final Kind kind;

  public StorageException(Kind kind, String message, Throwable cause) {
    super(message, cause);
    this.kind = kind;
  }

  public StorageException(Kind kind, String message) {
    super(message);
    this.kind = kind;
  }

  public Kind kind() {
    return kind;
  }

  /** Returns whether the same call may succeed later. */
  public boolean retryable() {
    return switch (kind) {
      case UNAVAILABLE, FULL -> true;
      case REFUSED, UNFIT, CANCELLED -> false;
    };
  }
}
