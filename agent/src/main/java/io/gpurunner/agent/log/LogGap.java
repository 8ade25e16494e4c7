package io.gpurunner.agent.log;

import java.util.Locale;

/** A reason why a log lacks output at some place. */
public enum LogGap {
  /** What the engine has does not begin where the log ends, so it has dropped something. */
  ENGINE("some output is missing here: the engine dropped it before the agent could copy it"),

  /** The engine was killed while it wrote a record, so neither it nor the agent can read that. */
  RECORD("a line or a part of one is missing here: the engine came down while it wrote it"),

  /** Nobody knows whether the log has the end of the output. */
  CONTAINER(
      "the container was gone before the end of its output was copied; the last lines may be"
          + " missing"),

  /** The log had become too long. The number of its lines that were removed is filled in. */
  LENGTH("%d lines or parts of lines were removed here, because the log had become too long");

  private final String sentence;

  LogGap(String sentence) {
    this.sentence = sentence;
  }

  /** Returns the reason in one word, for metrics. */
  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Returns the line that stands at the place. */
  String line() {
    return "[gpurunner: " + sentence + "]\n";
  }
}
