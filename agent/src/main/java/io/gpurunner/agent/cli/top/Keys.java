package io.gpurunner.agent.cli.top;

import io.gpurunner.agent.cli.job.JobView;
import java.util.List;
import java.util.Optional;

/** Says what each key does. A pure function. */
final class Keys {
  /** The longest filter. */
  static final int MOST_FILTER_CHARACTERS = 60;

  private static final Mode LISTING = new Mode.Listing();

  private Keys() {}

  /** What a key changes. */
  record Step(View view, Optional<Action> action) {
    static Step to(View view) {
      return new Step(view, Optional.empty());
    }

    static Step to(View view, Action action) {
      return new Step(view, Optional.of(action));
    }
  }

  /**
   * Returns what a key does.
   *
   * @param jobs all jobs
   * @param rows how many rows the terminal has
   */
  static Step pressed(Event.Pressed pressed, View view, List<JobView> jobs, int rows) {
    Key key = pressed.key();
    if (key.kind() == Key.Kind.REDRAW) {
      return Step.to(view, new Action.Redraw());
    }
    return switch (view.mode()) {
      case Mode.Listing _ -> listing(key, view, jobs, Math.max(1, rows / 3));
      case Mode.Filtering _ -> filtering(key, view, jobs);
      case Mode.Asking asking ->
          // A terminal that does not mark a paste sends its letters together.
          pressed.alone() && key.text().equalsIgnoreCase("y")
              ? Step.to(view.in(LISTING), new Action.Cancel(asking.job()))
              : Step.to(view.in(LISTING));
      case Mode.Helping _ -> Step.to(view.in(LISTING));
      case Mode.Reading reading -> reading(key, view, reading, LogPanel.page(rows));
    };
  }

  private static Step listing(Key key, View view, List<JobView> jobs, int page) {
    List<JobView> listed = view.listed(jobs);
    return switch (key.kind()) {
      case UP -> Step.to(view.moved(-1, listed));
      case DOWN -> Step.to(view.moved(1, listed));
      case PAGE_UP -> Step.to(view.moved(-page, listed));
      case PAGE_DOWN -> Step.to(view.moved(page, listed));
      case FIRST -> Step.to(view.moved(Integer.MIN_VALUE, listed));
      case LAST -> Step.to(view.moved(Integer.MAX_VALUE, listed));
      case ENTER -> read(view);
      case ESCAPE -> Step.to(view.filteredBy("").settled(view.filteredBy("").listed(jobs)));
      case BACKSPACE, REDRAW -> Step.to(view);
      case CHARACTER -> letter(key.text(), view, jobs);
    };
  }

  private static Step letter(String letter, View view, List<JobView> jobs) {
    List<JobView> listed = view.listed(jobs);
    return switch (letter) {
      case "q", "Q" -> Step.to(view, new Action.Quit());
      case "k" -> Step.to(view.moved(-1, listed));
      case "j" -> Step.to(view.moved(1, listed));
      case "g" -> Step.to(view.moved(Integer.MIN_VALUE, listed));
      case "G" -> Step.to(view.moved(Integer.MAX_VALUE, listed));
      case "s" -> {
        View sorted = view.by(view.order().next());
        yield Step.to(sorted.settled(sorted.listed(jobs)));
      }
      case "/" -> Step.to(view.in(new Mode.Filtering()));
      case "l" -> read(view);
      case "c" -> ask(view, listed);
      case "?", "h" -> Step.to(view.in(new Mode.Helping()));
      default -> Step.to(view);
    };
  }

  private static Step read(View view) {
    return view.chosen()
        .map(
            id ->
                Step.to(
                    view.in(new Mode.Reading(id, List.of(), 0, Optional.empty())),
                    new Action.ReadLog(id)))
        .orElse(Step.to(view));
  }

  private static Step ask(View view, List<JobView> listed) {
    return listed.stream()
        .filter(job -> view.chosen().equals(Optional.of(job.id())))
        .findFirst()
        .map(job -> Step.to(view.in(new Mode.Asking(job.id(), words(job)))))
        .orElse(Step.to(view));
  }

  private static String words(JobView job) {
    return job.shortId()
        + job.user().map(user -> " of " + user).orElse("")
        + ", which is "
        + job.stateWord();
  }

  private static Step filtering(Key key, View view, List<JobView> jobs) {
    String filter = view.filter();
    return switch (key.kind()) {
      case ENTER -> Step.to(view.in(LISTING));
      case ESCAPE -> filtered(view.in(LISTING), "", jobs);
      case BACKSPACE ->
          filtered(
              view,
              filter.isEmpty()
                  ? ""
                  : filter.substring(0, filter.offsetByCodePoints(filter.length(), -1)),
              jobs);
      case CHARACTER ->
          filter.length() < MOST_FILTER_CHARACTERS
              ? filtered(view, filter + key.text(), jobs)
              : Step.to(view);
      case UP -> Step.to(view.moved(-1, view.listed(jobs)));
      case DOWN -> Step.to(view.moved(1, view.listed(jobs)));
      case PAGE_UP, PAGE_DOWN, FIRST, LAST, REDRAW -> Step.to(view);
    };
  }

  private static Step filtered(View view, String filter, List<JobView> jobs) {
    View changed = view.filteredBy(filter);
    return Step.to(changed.settled(changed.listed(jobs)));
  }

  private static Step reading(Key key, View view, Mode.Reading reading, int page) {
    long up =
        switch (key.kind()) {
          case UP -> 1;
          case DOWN -> -1;
          case PAGE_UP -> page;
          case PAGE_DOWN -> -page;
          case FIRST -> Integer.MAX_VALUE;
          case LAST -> Integer.MIN_VALUE;
          case CHARACTER ->
              switch (key.text()) {
                case "k" -> 1;
                case "j" -> -1;
                case "g" -> Integer.MAX_VALUE;
                case "G" -> Integer.MIN_VALUE;
                default -> 0;
              };
          case ENTER, ESCAPE, BACKSPACE, REDRAW -> 0;
        };
    boolean ends = key.kind() == Key.Kind.ESCAPE || key.text().equals("q");
    return ends
        ? Step.to(view.in(LISTING), new Action.StopReading())
        : Step.to(view.in(reading.moved(up, page)));
  }
}
