package io.gpurunner.agent.cli.top;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** Draws the output of a job. Stateless. */
final class LogPanel {
  /** The lines of a frame that show no output. */
  private static final int OTHER_LINES = 2;

  /** What sets colours or moves the cursor (ECMA-48, section 5.4). */
  private static final Pattern SEQUENCE = Pattern.compile("(?:\u001b\\[|\u009b)[0-?]*[ -/]*[@-~]");

  private LogPanel() {}

  /** Returns how many lines of output a terminal with so many rows shows. */
  static int page(int rows) {
    return Math.max(1, rows - OTHER_LINES);
  }

  static List<Line> lines(Mode.Reading reading, int rows) {
    int room = page(rows);
    int end =
        Math.max(Math.min(room, reading.lines().size()), reading.lines().size() - reading.back());
    List<String> seen = reading.lines().subList(Math.max(0, end - room), end);
    List<Line> lines = new ArrayList<>();
    Line.Builder title = new Line.Builder().add("output of " + reading.job(), Ink.HEADING);
    reading.failure().ifPresent(why -> title.add("  cannot be read now: " + why, Ink.RED));
    lines.add(title.build());
    seen.forEach(text -> lines.add(Line.of(printed(text), Ink.PLAIN)));
    return lines;
  }

  private static String printed(String text) {
    return SEQUENCE.matcher(text).replaceAll("");
  }
}
