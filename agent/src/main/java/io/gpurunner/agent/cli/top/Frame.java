package io.gpurunner.agent.cli.top;

import io.gpurunner.agent.cli.job.JobView;
import io.gpurunner.agent.cli.terminal.Ages;
import java.time.Duration;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Draws what the terminal shows. A pure function of what is known, the size and the time. */
final class Frame {
  /** With fewer rows, the chosen job gets no lines of its own, and nothing is left blank. */
  static final int ROOMY_ROWS = 18;

  /** An older picture is marked, also while the agent has not yet failed to answer. */
  static final Duration FRESH_FOR = Duration.ofSeconds(10);

  private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("HH:mm:ss");
  private static final int DETAIL_LINES = 2;

  /** So many jobs are seen, if there are as many, before GPUs get more lines. */
  private static final int LEAST_JOBS = 4;

  private static final List<String> HELP =
      List.of(
          "↑ ↓ j k        choose a job; PgUp, PgDn, Home and End go further",
          "Enter l        see the output of the job; q goes back",
          "c              cancel the job, after a question",
          "s              sort by queue, age, user, gpus",
          "/              list only jobs with a text in id, user, name, state or GPU type",
          "Esc            list all jobs again",
          "Ctrl-L         draw everything again",
          "q              quit",
          "",
          "The bars are the part of what a GPU can do: use, memory, power, and of 100 °C.",
          "The small lines beside them are the last minutes, since this command runs.",
          "A dash is what the driver does not tell; simulated GPUs have no figures.");

  private Frame() {}

  /** Returns exactly as many lines as the terminal has rows. */
  static List<Line> of(State state, Size size, ZonedDateTime now) {
    List<Line> lines =
        new ArrayList<>(
            switch (state.view().mode()) {
              case Mode.Reading reading -> LogPanel.lines(reading, size.rows());
              case Mode.Helping _ -> help();
              case Mode.Listing _, Mode.Filtering _, Mode.Asking _ -> listing(state, size, now);
            });
    while (lines.size() < size.rows() - 1) {
      lines.add(Line.EMPTY);
    }
    List<Line> fitting = new ArrayList<>(lines.subList(0, Math.max(0, size.rows() - 1)));
    fitting.add(status(state));
    return fitting.stream().map(line -> line.cut(size.columns())).toList();
  }

  /**
   * Returns everything at once, for an output that is no terminal.
   *
   * @param columns how wide the bars are drawn; no text is cut
   */
  static List<Line> once(State state, int columns, ZonedDateTime now) {
    Picture picture = state.picture().orElseThrow();
    List<Line> lines = head(state, picture, columns, now);
    lines.addAll(new GpuPanel(picture.gpus(), state.history(), columns).lines(Integer.MAX_VALUE));
    lines.add(Line.EMPTY);
    lines.addAll(
        new QueuePanel(state.listed(), state.view(), columns, now.toInstant())
            .lines(Integer.MAX_VALUE, false));
    return lines;
  }

  private static List<Line> listing(State state, Size size, ZonedDateTime now) {
    if (state.picture().isEmpty()) {
      return List.of(Line.of("gpurunner top  asking " + state.url(), Ink.HEADING));
    }
    Picture picture = state.picture().get();
    boolean roomy = size.rows() >= ROOMY_ROWS;
    List<JobView> listed = state.listed();
    List<Line> lines = head(state, picture, size.columns(), now);
    int left = size.rows() - lines.size() - 1 - (roomy ? 2 + DETAIL_LINES : 0);
    int leastForJobs = Math.min(1 + Math.min(LEAST_JOBS, listed.size()), (left + 1) / 2);
    lines.addAll(
        new GpuPanel(picture.gpus(), state.history(), size.columns()).lines(left - leastForJobs));
    if (roomy) {
      lines.add(Line.EMPTY);
    }
    int used = lines.size() + 1 + (roomy ? 1 + DETAIL_LINES : 0);
    QueuePanel queue = new QueuePanel(listed, state.view(), size.columns(), now.toInstant());
    lines.addAll(queue.lines(size.rows() - used, true));
    if (roomy) {
      while (lines.size() < size.rows() - 1 - DETAIL_LINES) {
        lines.add(Line.EMPTY);
      }
      lines.addAll(queue.details(DETAIL_LINES));
    }
    return lines;
  }

  private static List<Line> head(State state, Picture picture, int columns, ZonedDateTime now) {
    String time = at(picture, now.getZone());
    Duration age = Duration.between(picture.at(), now.toInstant());
    boolean isOld = state.failure().isPresent() || age.compareTo(FRESH_FOR) > 0;
    String right = isOld ? "OLD: of " + time + ", " + Ages.words(age) + " ago" : time;
    Ink ink = isOld ? Ink.RED : Ink.PLAIN;
    Line left =
        new Line.Builder().add("gpurunner top", Ink.HEADING).add("  " + state.url()).build();
    Line.Builder title = new Line.Builder();
    left.cut(Math.max(0, columns - right.length() - 2))
        .parts()
        .forEach(part -> title.add(part.text(), part.ink()));
    title.gap(columns - title.width() - right.length()).add(right, ink);
    List<Line> lines = new ArrayList<>(List.of(title.build(), summary(state, picture)));
    picture
        .fault()
        .ifPresent(why -> lines.add(Line.of("The GPUs cannot be read now: " + why, Ink.RED)));
    return lines;
  }

  private static String at(Picture picture, ZoneId zone) {
    return TIME.format(picture.at().atZone(zone));
  }

  private static Line summary(State state, Picture picture) {
    String all =
        picture.allJobs() > picture.jobs().size()
            ? picture.jobs().size() + " of " + picture.allJobs() + " jobs"
            : count(picture.jobs().size(), "job");
    String filter =
        state.view().filter().isEmpty() ? "" : "filter: " + state.view().filter() + "   ";
    return Line.of(
        filter
            + count(picture.gpus().size(), "GPU")
            + census(picture.gpus().stream().map(Gpu::state))
            + "   "
            + all
            + " by "
            + state.view().order().word()
            + census(picture.jobs().stream().map(JobView::stateWord)),
        Ink.PLAIN);
  }

  private static String count(int number, String thing) {
    return number + " " + thing + (number == 1 ? "" : "s");
  }

  private static String census(Stream<String> words) {
    Map<String, Long> counts =
        words.collect(
            Collectors.groupingBy(word -> word, LinkedHashMap::new, Collectors.counting()));
    return counts.isEmpty()
        ? ""
        : counts.entrySet().stream()
            .map(entry -> entry.getValue() + " " + entry.getKey())
            .collect(Collectors.joining(", ", ": ", ""));
  }

  private static List<Line> help() {
    return Stream.concat(
            Stream.of(Line.of("gpurunner top: the keys", Ink.HEADING), Line.EMPTY),
            HELP.stream().map(text -> Line.of(text, Ink.PLAIN)))
        .toList();
  }

  private static Line status(State state) {
    return switch (state.view().mode()) {
      case Mode.Asking asking ->
          Line.of("cancel " + asking.words() + "? y: yes, any other key: no", Ink.YELLOW);
      case Mode.Filtering _ ->
          Line.of(
              "filter: " + state.view().filter() + "_   Enter: keep it, Esc: all jobs", Ink.YELLOW);
      case Mode.Helping _ -> Line.of("any key goes back", Ink.PLAIN);
      case Mode.Reading reading -> troubleOr(state, reading(reading));
      case Mode.Listing _ ->
          troubleOr(state, "q quit  ? help  ↑↓ choose  l output  c cancel  s sort  / filter");
    };
  }

  private static String reading(Mode.Reading reading) {
    return reading.back() == 0
        ? "q back  ↑↓ scroll  at the end; new lines are shown"
        : "q back  ↑↓ scroll  " + count(reading.back(), "line") + " above the end; G goes there";
  }

  private static Line troubleOr(State state, String keys) {
    return state
        .said()
        .map(text -> Line.of(text, Ink.YELLOW))
        .or(() -> state.failure().map(why -> Line.of("asking again: " + why, Ink.RED)))
        .orElse(Line.of(keys, Ink.PLAIN));
  }
}
