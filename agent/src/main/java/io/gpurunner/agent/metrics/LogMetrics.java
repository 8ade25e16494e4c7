package io.gpurunner.agent.metrics;

import io.gpurunner.agent.log.LogGap;
import io.gpurunner.agent.log.LogTally;
import java.util.function.IntSupplier;

/** The samples of what jobs print, and of who follows it. Thread-safe. */
final class LogMetrics {
  private final LogTally tally;
  private final IntSupplier followers;

  LogMetrics(LogTally tally, IntSupplier followers) {
    this.tally = tally;
    this.followers = followers;
  }

  void addTo(Samples samples) {
    samples.add(Family.LOG_FOLLOWERS, followers.getAsInt());
    samples.add(Family.LOG_RECEIVED, (double) tally.receivedBytes());
    samples.add(Family.LOG_WRITTEN, (double) tally.writtenBytes());
    samples.add(Family.LOG_DROPPED, (double) tally.droppedBytes());
    for (LogGap why : LogGap.values()) {
      samples.add(Family.LOG_GAPS, (double) tally.gaps(why), why.word());
    }
  }
}
