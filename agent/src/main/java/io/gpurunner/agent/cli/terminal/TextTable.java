package io.gpurunner.agent.cli.terminal;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * A table of text. Each column is as wide as its widest cell. On a terminal the widest columns are
 * made narrower until a row fits. Not thread-safe.
 */
public final class TextTable {
  private static final String GAP = "  ";

  /** The columns of a terminal to which no column of the table is cut. */
  private static final int LEAST_WIDTH = 6;

  private final List<List<Cell>> rows = new ArrayList<>();
  private boolean wrapsLast;

  /**
   * One cell.
   *
   * @param text may come from outside
   */
  public record Cell(String text, Optional<Colour> colour) {
    public Cell {
      text = Plain.line(text);
    }

    /** Returns a cell without a colour. */
    public static Cell of(String text) {
      return new Cell(text, Optional.empty());
    }
  }

  public TextTable(String... headings) {
    this(List.of(headings));
  }

  public TextTable(List<String> headings) {
    add(headings.stream().map(Cell::of).toList());
  }

  /** Adds a row without colours. */
  public void row(String... cells) {
    add(List.of(cells).stream().map(Cell::of).toList());
  }

  /** Adds a row. */
  public void add(List<Cell> cells) {
    rows.add(List.copyOf(cells));
  }

  /** Makes long cells of the last column go on in the next line. Without this, they are cut. */
  public TextTable wrappingLast() {
    wrapsLast = true;
    return this;
  }

  /** Returns the whole table without colours. */
  @Override
  public String toString() {
    return text(Optional.empty(), false);
  }

  /**
   * Returns the table.
   *
   * @param columns the width of the terminal; if empty, nothing is cut
   */
  public String text(Optional<Integer> columns, boolean coloured) {
    int[] widths = IntStream.range(0, rows.getFirst().size()).map(this::width).toArray();
    columns.ifPresent(most -> fit(widths, most));
    StringBuilder text = new StringBuilder();
    for (List<Cell> row : rows) {
      for (List<Cell> line : wrapsLast ? wrapped(row, widths) : List.of(row)) {
        text.append(line(line, widths, coloured)).append(System.lineSeparator());
      }
    }
    return text.toString().stripTrailing();
  }

  private int width(int column) {
    return rows.stream().mapToInt(row -> CellWidth.of(row.get(column).text())).max().orElse(0);
  }

  /** Takes from the widest column, and among the widest from the last. */
  private static void fit(int[] widths, int columns) {
    int left = IntStream.of(widths).sum() + GAP.length() * (widths.length - 1) - columns;
    while (left > 0) {
      int widest = 0;
      for (int column = 1; column < widths.length; column++) {
        widest = widths[column] >= widths[widest] ? column : widest;
      }
      if (widths[widest] <= LEAST_WIDTH) {
        return;
      }
      widths[widest]--;
      left--;
    }
  }

  /** Returns the row, and below it rows with the rest of its last cell. */
  private static List<List<Cell>> wrapped(List<Cell> row, int[] widths) {
    List<List<Cell>> lines = new ArrayList<>();
    List<Cell> cells = row;
    int last = row.size() - 1;
    for (String part : CellWidth.wrap(row.getLast().text(), widths[last])) {
      List<Cell> line = new ArrayList<>(cells.subList(0, last));
      line.add(new Cell(part, row.getLast().colour()));
      lines.add(line);
      cells = Collections.nCopies(row.size(), Cell.of(""));
    }
    return lines;
  }

  private static String line(List<Cell> row, int[] widths, boolean coloured) {
    StringBuilder line = new StringBuilder();
    int owed = 0; // blanks that come only if another cell follows
    for (int column = 0; column < widths.length; column++) {
      String text = CellWidth.cut(row.get(column).text(), widths[column]);
      if (!text.isEmpty()) {
        Optional<Colour> colour = row.get(column).colour().filter(_ -> coloured);
        line.append(" ".repeat(owed)).append(colour.map(it -> it.of(text)).orElse(text));
        owed = 0;
      }
      owed += widths[column] - CellWidth.of(text) + GAP.length();
    }
    return line.toString();
  }
}
