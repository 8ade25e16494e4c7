package io.gpurunner.agent;

/** The agent cannot start; the message names what is wrong and the way out. */
final class AgentStartException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  AgentStartException(String message, Throwable cause) {
    super(message, cause);
  }
}
