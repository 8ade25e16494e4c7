package io.gpurunner.agent.cli.top;

/** What is to be done for a key. */
sealed interface Action {
  /** The command ends. */
  record Quit() implements Action {}

  /** The whole frame is drawn again. */
  record Redraw() implements Action {}

  /** A job is cancelled. */
  record Cancel(String job) implements Action {}

  /** The output of a job is asked for from now on. */
  record ReadLog(String job) implements Action {}

  /** No output is asked for any more. */
  record StopReading() implements Action {}
}
