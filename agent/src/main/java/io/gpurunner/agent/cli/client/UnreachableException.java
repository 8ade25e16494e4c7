package io.gpurunner.agent.cli.client;

/** No agent answers. The same call may succeed later. */
public final class UnreachableException extends CommandFailedException {
  private static final long serialVersionUID = 1L;

  UnreachableException(String message) {
    super(ExitStatus.UNREACHABLE, message);
  }

  UnreachableException(String message, Throwable cause) {
    super(ExitStatus.UNREACHABLE, message, cause);
  }
}
