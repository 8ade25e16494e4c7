package io.gpurunner.agent.state;

/** The exception of this package: the state directory or its id cannot be used. */
public final class StateException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /**
   * @param message names the directory or file, what is wrong and what to do
   */
  public StateException(String message, Throwable cause) {
    super(message, cause);
  }
}
