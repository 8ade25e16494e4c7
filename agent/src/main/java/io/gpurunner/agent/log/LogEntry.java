package io.gpurunner.agent.log;

import io.gpurunner.agent.log.LogRecord.Kind;
import java.time.Instant;

/**
 * An entry of a log, as readers get it. Immutable: the bytes are not copied, and nobody changes
 * them.
 */
public final class LogEntry {
  private final LogRecord record;
  private final byte[] bytes;

  LogEntry(LogRecord record, byte[] bytes) {
    this.record = record;
    this.bytes = bytes;
  }

  /** Returns its number in the log of its run, from 0. */
  public long seq() {
    return record.seq();
  }

  /** Returns when the engine read it. */
  public Instant at() {
    return record.at();
  }

  /** Returns whether it tells that output is missing. Otherwise the container printed it. */
  public boolean isGap() {
    return record.kind() == Kind.GAP;
  }

  public boolean isStderr() {
    return record.kind() == Kind.STDERR;
  }

  /** Returns whether its line goes on in a later entry. */
  public boolean isPartial() {
    return record.partial();
  }

  /** Returns what was printed, or the line that says why output is missing. */
  public byte[] bytes() {
    return bytes;
  }
}
