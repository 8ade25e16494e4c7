package io.gpurunner.agent.cli.top;

import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** Draws shares from 0 to 1. Stateless. */
final class Bars {
  private static final String LEVELS = "▁▂▃▄▅▆▇█";

  private Bars() {}

  /** Returns a bar of so many columns. What is not known is blank. */
  static String bar(Optional<Double> share, int columns) {
    return share
        .map(part -> (int) Math.round(part * columns))
        .map(full -> "█".repeat(full) + "░".repeat(columns - full))
        .orElse(" ".repeat(columns));
  }

  /** Returns the newest shares, one in each column. What is not known is blank. */
  static String sparkline(List<Optional<Double>> shares, int columns) {
    List<Optional<Double>> newest =
        shares.subList(Math.max(0, shares.size() - columns), shares.size());
    return " ".repeat(columns - newest.size())
        + newest.stream().map(Bars::level).collect(Collectors.joining());
  }

  private static String level(Optional<Double> share) {
    return share
        .map(part -> (int) Math.round(part * (LEVELS.length() - 1)))
        .map(level -> LEVELS.substring(level, level + 1))
        .orElse(" ");
  }
}
