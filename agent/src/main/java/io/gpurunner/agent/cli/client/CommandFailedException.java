package io.gpurunner.agent.cli.client;

/** A command failed. The message is for its user. */
public class CommandFailedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final int status;

  /** Creates the failure of a command that ends with {@link ExitStatus#FAILED}. */
  public CommandFailedException(String message) {
    this(ExitStatus.FAILED, message);
  }

  /** Creates the failure of a command that ends with {@link ExitStatus#FAILED}. */
  public CommandFailedException(String message, Throwable cause) {
    this(ExitStatus.FAILED, message, cause);
  }

  public CommandFailedException(int status, String message) {
    super(message);
    this.status = status;
  }

  public CommandFailedException(int status, String message, Throwable cause) {
    super(message, cause);
    this.status = status;
  }

  /** Returns the exit status with which the command ends. */
  public int status() {
    return status;
  }
}
