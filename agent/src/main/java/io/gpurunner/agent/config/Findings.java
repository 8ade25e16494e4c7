package io.gpurunner.agent.config;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.snakeyaml.engine.v2.exceptions.Mark;

/** Collects what is wrong with a file while it is read. */
final class Findings {
  private static final int MAX_FINDINGS = 100;

  private final String file;
  private final List<Finding> findings = new ArrayList<>();
  private final List<Unknown> unknowns = new ArrayList<>();
  private final Set<String> knownKeys = new LinkedHashSet<>();

  Findings(String file) {
    this.file = file;
  }

  void know(String dottedKey) {
    knownKeys.add(dottedKey);
  }

  void add(Mark mark, String key, String message) {
    add(Optional.of(mark), key, message);
  }

  void add(Optional<Mark> mark, String key, String message) {
    findings.add(new Finding(mark.map(Mark::getLine), key + ": " + message));
  }

  void unknown(Optional<Mark> mark, String prefix, String name, List<String> siblings) {
    unknowns.add(new Unknown(mark, prefix, name, List.copyOf(siblings)));
  }

  /**
   * @throws ConfigException if anything was found, in the order of the file
   */
  void throwIfAny() {
    for (Unknown unknown : unknowns) {
      add(unknown.mark, Section.shown(unknown.prefix + unknown.name), message(unknown));
    }
    unknowns.clear();
    if (findings.isEmpty()) {
      return;
    }
    // A finding without a line (a missing key) comes last. Sorting keeps the order within a line.
    findings.sort(Comparator.comparingInt(found -> found.line.orElse(Integer.MAX_VALUE)));
    List<String> lines =
        new ArrayList<>(findings.stream().limit(MAX_FINDINGS).map(this::text).toList());
    if (findings.size() > MAX_FINDINGS) {
      lines.add(file + ": and " + (findings.size() - MAX_FINDINGS) + " more errors");
    }
    throw new ConfigException(lines);
  }

  private String text(Finding found) {
    String line = found.line.map(index -> ":" + (index + 1)).orElse("");
    return file + line + ": " + found.text;
  }

  private String message(Unknown unknown) {
    return meant(unknown)
        .map(key -> "unknown key; did you mean " + key + "?")
        .orElseGet(() -> "unknown key; accepted: " + String.join(", ", unknown.siblings));
  }

  /**
   * Returns a key that may be meant: a similar one of the same section, or the same word at its
   * right place in the file.
   */
  private Optional<String> meant(Unknown unknown) {
    String name = unknown.name.toLowerCase(Locale.ROOT).replace('_', '-');
    int tolerance = Math.max(1, Math.min(name.length(), 9) / 3);
    Optional<String> sibling =
        unknown.siblings.stream()
            .filter(key -> Math.abs(key.length() - name.length()) <= tolerance)
            .filter(key -> distance(name, key) <= tolerance)
            .min(Comparator.comparingInt(key -> distance(name, key)));
    Stream<String> elsewhere =
        knownKeys.stream().filter(key -> key.endsWith("." + name) || key.equals(name));
    return sibling.map(key -> unknown.prefix + key).or(elsewhere::findFirst);
  }

  /**
   * Returns how many letters were added, left out, mistaken or swapped with their neighbour
   * (optimal string alignment).
   */
  static int distance(String left, String right) {
    int[][] cost = new int[left.length() + 1][right.length() + 1];
    for (int row = 0; row <= left.length(); row++) {
      for (int column = 0; column <= right.length(); column++) {
        cost[row][column] =
            row == 0 || column == 0 ? row + column : cheapest(left, right, cost, row, column);
      }
    }
    return cost[left.length()][right.length()];
  }

  private static int cheapest(String left, String right, int[][] cost, int row, int column) {
    int mistaken = left.charAt(row - 1) == right.charAt(column - 1) ? 0 : 1;
    int cheapest =
        Math.min(
            cost[row - 1][column - 1] + mistaken,
            1 + Math.min(cost[row - 1][column], cost[row][column - 1]));
    boolean swapped =
        row > 1
            && column > 1
            && left.charAt(row - 1) == right.charAt(column - 2)
            && left.charAt(row - 2) == right.charAt(column - 1);
    return swapped ? Math.min(cheapest, cost[row - 2][column - 2] + 1) : cheapest;
  }

  /**
   * @param line counted from 0; empty where the file lacks the key
   */
  private record Finding(Optional<Integer> line, String text) {}

  private record Unknown(Optional<Mark> mark, String prefix, String name, List<String> siblings) {}
}
