package io.gpurunner.agent.container;

/** A call to the container engine failed. The message carries the engine's own words. */
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

  public ContainerException(Kind kind, String message, Throwable cause) {
    super(message, cause);
    this.kind = kind;
  }

  public ContainerException(Kind kind, String message) {
    super(message);
    this.kind = kind;
  }

  public Kind kind() {
    return kind;
  }
}
