package io.gpurunner.agent.cli.terminal;

import java.time.Duration;

/** Says times in short words. Stateless. */
public final class Ages {
  private Ages() {}

  /** Returns a length of time by its two largest units: {@code 3 m 12 s}, {@code 2 d 4 h}. */
  public static String words(Duration time) {
    long seconds = Math.max(0, time.toSeconds());
    long minutes = seconds / 60;
    long hours = minutes / 60;
    if (minutes == 0) {
      return seconds + " s";
    }
    if (hours == 0) {
      return two(minutes, "m", seconds % 60, "s");
    }
    return hours < 24 ? two(hours, "h", minutes % 60, "m") : two(hours / 24, "d", hours % 24, "h");
  }

  /** Returns how long ago it was, by one unit: {@code 3 m ago}. */
  public static String ago(Duration time) {
    return brief(time) + " ago";
  }

  /** Returns a length of time by one unit: {@code 3 m}. */
  public static String brief(Duration time) {
    long seconds = Math.max(0, time.toSeconds());
    if (seconds < 60) {
      return seconds + " s";
    }
    if (seconds < 3600) {
      return seconds / 60 + " m";
    }
    return seconds < 86_400 ? seconds / 3600 + " h" : seconds / 86_400 + " d";
  }

  private static String two(long many, String large, long few, String small) {
    return few == 0 ? many + " " + large : many + " " + large + " " + few + " " + small;
  }
}
