package io.gpurunner.agent.cli.top;

import java.util.List;

/** What the command hears of, from its user and from the agent. */
sealed interface Event {
  /** The agent answered. */
  record Came(Picture picture) implements Event {}

  /** The agent did not answer, or refused. */
  record Failed(String why) implements Event {}

  /** What came of an order. */
  record Said(String text) implements Event {}

  /** The end of a job's output. */
  record LogCame(String job, List<String> lines) implements Event {
    public LogCame {
      lines = List.copyOf(lines);
    }
  }

  /** A job's output could not be read. What has come of it stays. */
  record LogFailed(String job, String why) implements Event {}

  /**
   * The user pressed a key.
   *
   * @param alone whether the terminal sent nothing else at the same time, as it does for a paste
   */
  record Pressed(Key key, boolean alone) implements Event {}

  /** No key can be read any more, because the terminal is gone. */
  record Ended() implements Event {}

  /** A thread of this command failed for a reason that is an error in it. */
  record Crashed(RuntimeException why) implements Event {}
}
