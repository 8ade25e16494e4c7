package io.gpurunner.agent.cli.top;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * Draws the GPUs. A wide terminal has one line for each, with all bars and sparklines. A narrow one
 * has two if there is room, and else one line of figures. One object draws one frame.
 */
final class GpuPanel {
  /** The least width for one line with everything. */
  static final int WIDE_COLUMNS = 150;

  /** The least width for a second line with the bars. */
  static final int BAR_COLUMNS = 72;

  private static final int INDEX_COLUMNS = 3;
  private static final int LEAST_SPARKLINE = 8;
  private static final int LONGEST_NAME = 16;

  /** How a GPU is drawn. */
  private enum Form {
    /** One line with everything. */
    WIDE,
    /** A line of names, and one of bars. */
    TWO_LINES,
    /** One line without bars. */
    BRIEF
  }

  private final List<Gpu> gpus;
  private final History history;
  private final int columns;
  private final int typeColumns;
  private final int stateColumns;
  private final int userColumns;
  private final int jobColumns;

  GpuPanel(List<Gpu> gpus, History history, int columns) {
    this.gpus = gpus;
    this.history = history;
    this.columns = columns;
    this.typeColumns = widest(Gpu::type, "TYPE");
    this.stateColumns = widest(Gpu::stateWord, "STATE");
    this.userColumns = widest(gpu -> gpu.user().orElse("-"), "USER");
    this.jobColumns = widest(gpu -> gpu.job().orElse("-"), "JOB");
  }

  private int widest(Function<Gpu, String> cell, String heading) {
    int widest =
        gpus.stream().mapToInt(gpu -> Line.of(cell.apply(gpu), Ink.PLAIN).width()).max().orElse(0);
    return Math.clamp(widest, heading.length(), LONGEST_NAME);
  }

  /** Returns at most so many lines. */
  List<Line> lines(int most) {
    if (gpus.isEmpty() || most < 1) {
      return List.of();
    }
    Form form = form(most);
    List<Line> lines = new ArrayList<>();
    lines.add(heading(form));
    for (Gpu gpu : gpus) {
      switch (form) {
        case WIDE -> lines.add(wide(gpu));
        case BRIEF -> lines.add(brief(gpu));
        case TWO_LINES -> {
          lines.add(names(gpu));
          lines.add(gauges(new Line.Builder().gap(INDEX_COLUMNS + 1), gpu, gaugeSizes(true)));
        }
      }
    }
    if (lines.size() <= most) {
      return lines;
    }
    int shown = Math.max(0, most - 2);
    List<Line> cut = new ArrayList<>(lines.subList(0, Math.min(most, 1 + shown)));
    if (most > 1) {
      cut.add(Line.of("    … and " + (gpus.size() - shown) + " more GPUs", Ink.PLAIN));
    }
    return cut;
  }

  private Form form(int most) {
    if (columns >= WIDE_COLUMNS) {
      return Form.WIDE;
    }
    return columns >= BAR_COLUMNS && 1 + 2 * gpus.size() <= most ? Form.TWO_LINES : Form.BRIEF;
  }

  private Line heading(Form form) {
    Line.Builder line =
        begin(form, "GPU", "TYPE", "USER", "JOB", "STATE", Ink.HEADING, Ink.HEADING);
    Gauges sizes = gaugeSizes(false);
    for (Figure figure : Figure.values()) {
      switch (form) {
        case WIDE ->
            line.gap(sizes.gap()).cell(figure.heading(), sizes.columns(figure), Ink.HEADING);
        case BRIEF -> line.gap(1).right(figure.heading(), figure.columns(), Ink.HEADING);
        case TWO_LINES -> {} // a label is before each bar
      }
    }
    return line.build();
  }

  private Line.Builder begin(Form form, Gpu gpu) {
    return begin(
        form,
        gpu.index(),
        gpu.type(),
        gpu.user().orElse("-"),
        gpu.job().orElse("-"),
        gpu.stateWord(),
        Ink.PLAIN,
        gpu.ink());
  }

  private Line.Builder begin(
      Form form,
      String index,
      String type,
      String user,
      String job,
      String state,
      Ink ink,
      Ink stateInk) {
    Line.Builder line =
        new Line.Builder()
            .cell(index, INDEX_COLUMNS + 1, ink)
            .cell(type, typeColumns + 1, ink)
            .cell(state, stateColumns + 1, stateInk);
    if (columns >= BAR_COLUMNS) {
      line.cell(user, userColumns + 1, ink);
    }
    if (form != Form.BRIEF) {
      line.cell(job, jobColumns + 1, ink);
    }
    return line;
  }

  /** Returns the line with everything. Why no job can get a GPU takes the place of its bars. */
  private Line wide(Gpu gpu) {
    Line.Builder line = begin(Form.WIDE, gpu);
    return gpu.reason()
        .map(why -> line.gap(1).add(why).build())
        .orElseGet(() -> gauges(line, gpu, gaugeSizes(false)));
  }

  /** Returns the line above the bars, with sparklines where there is room. */
  private Line names(Gpu gpu) {
    Line.Builder line = begin(Form.TWO_LINES, gpu);
    if (gpu.reason().isPresent()) {
      return line.gap(1).add(gpu.reason().get()).build();
    }
    List<Figure> known =
        Stream.of(Figure.USE, Figure.MEMORY).filter(figure -> isKnown(gpu, figure)).toList();
    int each = (columns - line.width()) / 2 - 6;
    if (each >= LEAST_SPARKLINE) {
      for (Figure figure : known) {
        line.gap(1).add(figure.label() + " ").add(sparkline(gpu, figure, each), Ink.CYAN);
      }
    }
    return line.build();
  }

  /** Returns the only line of a GPU where there is little room. */
  private Line brief(Gpu gpu) {
    Line.Builder line = begin(Form.BRIEF, gpu);
    if (gpu.reason().isPresent()) {
      return line.gap(1).add(gpu.reason().get()).build();
    }
    for (Figure figure : Figure.values()) {
      line.gap(1).right(gpu.reading(figure).words(), figure.columns(), Ink.PLAIN);
    }
    return line.build();
  }

  private boolean isKnown(Gpu gpu, Figure figure) {
    return history.of(gpu, figure).stream().anyMatch(Optional::isPresent);
  }

  private String sparkline(Gpu gpu, Figure figure, int width) {
    return Bars.sparkline(history.of(gpu, figure), width);
  }

  // ---- bars

  /**
   * How wide the bars and sparklines of a line are.
   *
   * @param labelled whether each has a label before it
   */
  private record Gauges(int bar, int sparkline, boolean labelled) {
    int columns(Figure figure) {
      return label(figure) + bar + 1 + figure.columns() + (sparkline > 0 ? 1 + sparkline : 0);
    }

    /** Returns how far it is from what is left of it. A sparkline must not look like a bar. */
    int gap() {
      return sparkline > 0 ? 2 : 1;
    }

    private int label(Figure figure) {
      return labelled ? figure.label().length() + 1 : 0;
    }
  }

  /** Returns the sizes that fill the line. */
  private Gauges gaugeSizes(boolean labelled) {
    int names = typeColumns + stateColumns + userColumns + jobColumns + 4;
    int left = columns - INDEX_COLUMNS - 1 - (labelled ? 0 : names);
    Gauges none = new Gauges(0, 0, labelled);
    for (Figure figure : Figure.values()) {
      left -= 1 + none.columns(figure);
    }
    int each = Math.max(1, left / Figure.values().length);
    int sparkline = each >= 2 * LEAST_SPARKLINE - 2 ? each / 2 - 1 : 0;
    return new Gauges(sparkline > 0 ? each - sparkline - 2 : each, sparkline, labelled);
  }

  private Line gauges(Line.Builder line, Gpu gpu, Gauges sizes) {
    for (Figure figure : Figure.values()) {
      Figure.Reading reading = gpu.reading(figure);
      line.gap(sizes.gap());
      if (sizes.labelled()) {
        line.add(figure.label() + " ");
      }
      if (reading.share().isPresent()) {
        line.add(Bars.bar(reading.share(), sizes.bar()), Ink.GREEN).gap(1);
        line.cell(reading.words(), figure.columns(), Ink.PLAIN);
      } else {
        line.cell(reading.words(), sizes.bar() + 1 + figure.columns(), Ink.PLAIN);
      }
      if (sizes.sparkline() > 0) {
        line.gap(1).add(sparkline(gpu, figure, sizes.sparkline()), Ink.CYAN);
      }
    }
    return line.build();
  }
}
