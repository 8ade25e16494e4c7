package io.gpurunner.agent.cli.terminal;

import java.util.List;
import java.util.Locale;

/** Says sizes in short words, in units of 1000. Stateless. */
public final class Sizes {
  private static final List<String> UNITS = List.of("kB", "MB", "GB", "TB");

  private Sizes() {}

  /** Returns a size with one digit after the point: {@code 2.1 GB}. */
  public static String words(long bytes) {
    if (bytes < 1000) {
      return bytes + " B";
    }
    double size = bytes / 1000.0;
    int unit = 0;
    while (size >= 999.95 && unit < UNITS.size() - 1) {
      size /= 1000;
      unit++;
    }
    return String.format(Locale.ROOT, "%.1f %s", size, UNITS.get(unit));
  }
}
