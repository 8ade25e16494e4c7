package io.gpurunner.agent.cli.top;

import io.gpurunner.agent.cli.job.JobView;
import io.gpurunner.agent.cli.terminal.Ages;
import io.gpurunner.agent.cli.terminal.CellWidth;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/** Draws the jobs. One object draws one frame. */
final class QueuePanel {
  /** The least width for a column with the names of jobs. */
  static final int NAME_COLUMNS = 120;

  private static final String CHOSEN = "> ";
  private static final String NO_JOB = "There is no job that has not ended.";
  private static final String NO_SUCH_JOB = "No job matches the filter; Esc lists all.";

  /** From this width on, the columns are two blanks apart. */
  private static final int SPACIOUS_COLUMNS = 100;

  private static final int LONGEST_CELL = 20;

  private final List<JobView> jobs;
  private final View view;
  private final int columns;
  private final Instant now;
  private final List<Column> shown;

  /** A column of the table. */
  private record Column(String heading, int width, Function<JobView, String> cell) {}

  /**
   * @param jobs the jobs that are listed, in their order
   */
  QueuePanel(List<JobView> jobs, View view, int columns, Instant now) {
    this.jobs = jobs;
    this.view = view;
    this.columns = columns;
    this.now = now;
    this.shown = columns();
  }

  private List<Column> columns() {
    List<Column> all = new ArrayList<>();
    all.add(column("JOB", JobView::shortId));
    if (columns >= NAME_COLUMNS) {
      all.add(column("NAME", job -> job.name().orElse("-")));
    }
    if (columns >= GpuPanel.BAR_COLUMNS) {
      all.add(column("USER", job -> job.user().orElse("-")));
    }
    all.add(column("STATE", JobView::stateWord));
    all.add(column("GPUS", JobView::shortGpus));
    all.add(column("AGE", this::age));
    return all;
  }

  private Column column(String heading, Function<JobView, String> cell) {
    int widest =
        jobs.stream().mapToInt(job -> Line.of(cell.apply(job), Ink.PLAIN).width()).max().orElse(0);
    return new Column(heading, Math.clamp(widest, heading.length(), LONGEST_CELL), cell);
  }

  private String age(JobView job) {
    return job.time("createdAt").map(at -> Ages.brief(Duration.between(at, now))).orElse("-");
  }

  /**
   * Returns at most so many lines: the heading, and the jobs around the chosen one.
   *
   * @param marked whether the chosen job is marked
   */
  List<Line> lines(int most, boolean marked) {
    List<Line> lines = new ArrayList<>();
    if (most < 1) {
      return lines;
    }
    if (jobs.isEmpty()) {
      lines.add(Line.of(view.filter().isEmpty() ? NO_JOB : NO_SUCH_JOB, Ink.PLAIN));
      return lines;
    }
    lines.add(heading(marked));
    int room = most - 1;
    int first = Math.clamp(view.row() - room / 2, 0, Math.max(0, jobs.size() - room));
    for (int at = first; at < Math.min(jobs.size(), first + room); at++) {
      boolean chosen = marked && at == view.row();
      Line line = row(jobs.get(at), marked ? chosen ? CHOSEN : "  " : "");
      lines.add(chosen ? line.all(Ink.CHOSEN, columns) : line);
    }
    return lines;
  }

  private int gap() {
    return columns >= SPACIOUS_COLUMNS ? 2 : 1;
  }

  private Line heading(boolean marked) {
    Line.Builder line = new Line.Builder().gap(marked ? CHOSEN.length() : 0);
    shown.forEach(column -> line.cell(column.heading(), column.width() + gap(), Ink.HEADING));
    return line.add("NOTE", Ink.HEADING).build();
  }

  private Line row(JobView job, String mark) {
    Line.Builder line = new Line.Builder().add(mark);
    for (Column column : shown) {
      Ink ink = column.heading().equals("STATE") ? Ink.of(job.colour()) : Ink.PLAIN;
      line.cell(column.cell().apply(job), column.width() + gap(), ink);
    }
    return line.add(job.note(now)).build();
  }

  /** Returns the chosen job in whole sentences, in so many lines. */
  List<Line> details(int lines) {
    String text = chosen().map(this::sentence).orElse("");
    List<String> parts = CellWidth.wrap(text, columns);
    List<Line> wrapped = new ArrayList<>();
    for (String part : parts.subList(0, Math.min(lines, parts.size()))) {
      boolean isCut = wrapped.size() == lines - 1 && parts.size() > lines;
      wrapped.add(Line.of(isCut ? CellWidth.cut(part, columns - 2) + " …" : part, Ink.PLAIN));
    }
    while (wrapped.size() < lines) {
      wrapped.add(Line.EMPTY);
    }
    return wrapped;
  }

  private Optional<JobView> chosen() {
    return jobs.stream().filter(job -> view.chosen().equals(Optional.of(job.id()))).findFirst();
  }

  private String sentence(JobView job) {
    String note = job.note(now);
    return job.id()
        + job.name().map(name -> " (" + name + ")").orElse("")
        + ": "
        + job.stateWord()
        + (note.isEmpty() ? "" : ", " + note);
  }
}
