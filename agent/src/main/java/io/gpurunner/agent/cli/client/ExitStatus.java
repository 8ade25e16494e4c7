package io.gpurunner.agent.cli.client;

/** The exit status of commands. */
public final class ExitStatus {
  public static final int DONE = 0;

  /** The command failed, or the job that it waited for did. */
  public static final int FAILED = 1;

  public static final int USAGE = 2;

  /** No agent answers. */
  public static final int UNREACHABLE = 3;

  /** The agent refused, or there is no such job. */
  public static final int REFUSED = 4;

  /** The time that the command was to wait is over. */
  public static final int TIMED_OUT = 5;

  private ExitStatus() {}
}
