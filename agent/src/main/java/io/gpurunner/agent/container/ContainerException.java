package io.gpurunner.agent.container;

import org.jspecify.annotations.Nullable;

/**
 * A call to the container engine failed. The message carries the engine's own words. Of a pull that
 * failed, these are for the log, and {@link #words()} are for the job's user.
 */
public final class ContainerException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** The kind of a failure, by which callers decide what to do. */
  public enum Kind {
    /** The engine does not answer in time. Whether the call has an effect is not known. */
    UNREACHABLE,
    /**
     * The engine answered that it failed, and the reason is not known to be the machine's or the
     * container's. Some retries may help.
     */
    FAILED,
    /**
     * The machine lacks something that every container needs, or it is broken. A retry helps once
     * that is repaired.
     */
    MACHINE_UNFIT,
    /** The machine lacks something that every container with GPUs needs, or it is broken. */
    GPUS_UNFIT,
    /**
     * The engine refused the call because of this container: a bad request, an image that does not
     * exist or may not be read, a user that the image lacks. A retry does not help.
     */
    REFUSED,
    /** There is no such container. */
    ABSENT,
    /** The caller cancelled the call. */
    CANCELLED
  }

  private final Kind kind;
  private final String words;

  public ContainerException(Kind kind, String message, Throwable cause) {
    super(message, cause);
    this.kind = kind;
    this.words = message;
  }

  public ContainerException(Kind kind, String message) {
    super(message);
    this.kind = kind;
    this.words = message;
  }

  /**
   * @param action what was tried: {@code starting the container job-1}
   * @param words what went wrong
   */
  public ContainerException(Kind kind, String action, String words, Throwable cause) {
    super(action + ": " + words, cause);
    this.kind = kind;
    this.words = words;
  }

  /**
   * @param action as above
   * @param words as above
   */
  public ContainerException(Kind kind, String action, String words) {
    super(action + ": " + words);
    this.kind = kind;
    this.words = words;
  }

  private ContainerException(PullFault fault, String message, @Nullable Throwable cause) {
    super(message, cause);
    this.kind = fault.kind();
    this.words = fault.words();
  }

  /**
   * Returns the failure of a pull.
   *
   * @param action what was tried
   * @param detail what went wrong, for the log
   */
  public static ContainerException of(PullFault fault, String action, String detail) {
    return new ContainerException(fault, action + ": " + detail, null);
  }

  /**
   * Returns the failure of a pull, as above.
   *
   * @param cause what the engine's client threw
   */
  public static ContainerException of(
      PullFault fault, String action, String detail, @Nullable Throwable cause) {
    return new ContainerException(fault, action + ": " + detail, cause);
  }

  public Kind kind() {
    return kind;
  }

  /** Returns what went wrong, without what was tried, for who says that in other words. */
  public String words() {
    return words;
  }
}
