package io.gpurunner.agent.log;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;

/** Counts what the logs of all runs took and lost since the agent's start. Thread-safe. */
public final class LogTally {
  private final LongAdder received = new LongAdder();
  private final LongAdder written = new LongAdder();
  private final LongAdder dropped = new LongAdder();
  private final Map<LogGap, LongAdder> gaps = new ConcurrentHashMap<>();

  void received(long bytes) {
    received.add(bytes);
  }

  void written(long bytes) {
    written.add(bytes);
  }

  void dropped(long bytes) {
    dropped.add(bytes);
  }

  void gap(LogGap why) {
    of(why).increment();
  }

  private LongAdder of(LogGap why) {
    return gaps.computeIfAbsent(why, _ -> new LongAdder());
  }

  /**
   * Returns the bytes of output that the engine sent. After a break, it sends some of them again.
   */
  public long receivedBytes() {
    return received.sum();
  }

  /** Returns the bytes of output that were added to logs. */
  public long writtenBytes() {
    return written.sum();
  }

  /** Returns the bytes of output that were removed from the middle of long logs. */
  public long droppedBytes() {
    return dropped.sum();
  }

  /** Returns the number of places where output is missing for one reason. */
  public long gaps(LogGap why) {
    return of(why).sum();
  }
}
