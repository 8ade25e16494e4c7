package io.gpurunner.agent.container;

/** A call to the container engine failed. The message carries the engine's own words. */
public final class ContainerException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** The kind of a failure, by which callers decide what to do. */
  public enum Kind {
    /**
     * The engine does not answer in time, or the machine lacks something that every container
     * needs. A retry may help at any later time.
     */
    UNREACHABLE,
    /** The engine answered that it failed (5xx). Some retries may help. */
    FAILED,
    /**
     * The engine refused the call: a bad request, an image that does not exist or may not be read,
     * a command that cannot be executed. A retry does not help.
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
