package io.gpurunner.agent;

/** The agent cannot start. The message says what is wrong and what to do. */
final class AgentStartException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  AgentStartException(String message, Throwable cause) {
    super(message, cause);
  }
}
