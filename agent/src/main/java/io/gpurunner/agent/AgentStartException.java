package io.gpurunner.agent;

/** The API cannot be started or stopped. The message says what is wrong. */
final class AgentStartException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  AgentStartException(String message, Throwable cause) {
    super(message, cause);
  }
}
