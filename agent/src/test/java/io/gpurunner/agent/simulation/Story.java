package io.gpurunner.agent.simulation;

import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.zip.CRC32;

/**
 * What happened, one line an event. It is told only if somebody listens, because the telling takes
 * longer than the events. Keeps the newest lines, and a checksum of all lines.
 */
final class Story {
  private static final int LINE_LIMIT = 2_000;

  private final boolean told;
  private final Deque<String> lines = new ArrayDeque<>();
  private final CRC32 checksum = new CRC32();
  private long count;

  Story(boolean told) {
    this.told = told;
  }

  boolean isTold() {
    return told;
  }

  void tell(long nowMicros, int depth, String who, String what) {
    if (!told) {
      return;
    }
    long seconds = nowMicros / Timeline.SECOND;
    StringBuilder line = new StringBuilder(120);
    pad(line, seconds / 60, 3);
    line.append(':');
    pad(line, seconds % 60, 2);
    line.append('.');
    pad(line, nowMicros % Timeline.SECOND, 6);
    line.append("  ").append("| ".repeat(depth)).append(who).append(": ").append(what);
    String text = line.toString();
    checksum.update(text.getBytes(StandardCharsets.UTF_8));
    count++;
    lines.add(text);
    if (lines.size() > LINE_LIMIT) {
      lines.removeFirst();
    }
  }

  private static void pad(StringBuilder line, long number, int digits) {
    String text = Long.toString(number);
    line.append("0".repeat(Math.max(0, digits - text.length()))).append(text);
  }

  /** Returns a fingerprint of all lines. */
  String fingerprint() {
    return count + " lines, " + Long.toHexString(checksum.getValue());
  }

  String text() {
    return (count > lines.size() ? "… " + (count - lines.size()) + " lines before\n" : "")
        + String.join("\n", lines);
  }
}
