package io.gpurunner.storage;

/**
 * The root of this module's exceptions. Its message names the directory, file or store, what was
 * wrong, and what to do next.
 */
public final class StorageException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** What went wrong, for callers that must decide. */
  public enum Kind {
    /** Worth another try: the store is down, slow, or says so. */
    UNAVAILABLE,
    /**
     * Another try will not help: refused credentials, no such bucket, a file that cannot be read.
     */
    REFUSED,
    /**
     * What a job wrote cannot be taken as it is: too many files, too deep, too large for where it
     * should go; or the disk did not take it. Neither another try nor another store helps.
     */
    UNFIT,
    /** No space left. */
    FULL,
    /** The caller cancelled. */
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

  /** Whether the same call may succeed later. */
  public boolean retryable() {
    return switch (kind) {
      case UNAVAILABLE, FULL -> true;
      case REFUSED, UNFIT, CANCELLED -> false;
    };
  }
}
