package io.gpurunner.agent.auth;

/** A secret or a token record cannot be used. */
public final class AuthException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /**
   * @param message names the file or token, what was wrong and what to do next; never a secret
   */
  public AuthException(String message) {
    super(message);
  }

  /**
   * @param message names the file or token, what was wrong and what to do next; never a secret
   */
  public AuthException(String message, Throwable cause) {
    super(message, cause);
  }
}
