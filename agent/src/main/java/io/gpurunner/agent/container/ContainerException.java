package io.gpurunner.agent.container;

/** The root of this package's exceptions. Its message carries the engine's own words. */
public final class ContainerException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** What went wrong, for callers that must decide. */
  public enum Kind {
    /**
     * The engine does not answer, or not in time, or the machine lacks what any container needs.
     * Worth another try, however often.
     */
    UNREACHABLE,
    /** The engine answered that it failed (5xx). Worth a few tries. */
    FAILED,
    /**
     * The engine refused: a bad request, an image that does not exist or may not be read, a command
     * that cannot be executed. Another try will not help.
     */
    REFUSED,
    /** No such container. */
    ABSENT,
    /** The caller cancelled. */
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
