package io.gpurunner.agent.cli.top;

import io.gpurunner.agent.cli.job.JobView;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;

/**
 * What the command knows, and what the user has chosen.
 *
 * @param url where the agent is asked
 * @param picture the newest picture; empty before the first one
 * @param failure why the agent gave no newer picture; empty if it did
 * @param said what came of the last order; empty if it is not to be shown any more
 */
record State(
    String url,
    Optional<Picture> picture,
    Optional<String> failure,
    History history,
    View view,
    Optional<String> said) {
  static State first(String url) {
    return new State(
        url, Optional.empty(), Optional.empty(), History.NONE, View.FIRST, Optional.empty());
  }

  /** What an event changes. */
  record Step(State state, Optional<Action> action) {
    static Step to(State state) {
      return new Step(state, Optional.empty());
    }
  }

  List<JobView> jobs() {
    return picture.map(Picture::jobs).orElse(List.of());
  }

  List<JobView> listed() {
    return view.listed(jobs());
  }

  /**
   * Returns what follows from an event. A pure function.
   *
   * @param rows how many rows the terminal has
   */
  Step heard(Event event, int rows) {
    return switch (event) {
      case Event.Came came ->
          Step.to(
              new State(
                  url,
                  Optional.of(came.picture()),
                  Optional.empty(),
                  history.with(came.picture()),
                  view.settled(view.listed(came.picture().jobs())),
                  said));
      case Event.Failed failed ->
          Step.to(new State(url, picture, Optional.of(failed.why()), history, view, said));
      case Event.Said words ->
          Step.to(new State(url, picture, failure, history, view, Optional.of(words.text())));
      case Event.LogCame log -> Step.to(reading(log.job(), read -> read.with(log.lines())));
      case Event.LogFailed log -> Step.to(reading(log.job(), read -> read.failed(log.why())));
      case Event.Pressed pressed -> {
        Keys.Step step = Keys.pressed(pressed, view, jobs(), rows);
        yield new Step(
            new State(url, picture, failure, history, step.view(), Optional.empty()),
            step.action());
      }
      case Event.Ended _ -> new Step(this, Optional.of(new Action.Quit()));
      case Event.Crashed crashed -> throw crashed.why();
    };
  }

  private State reading(String job, UnaryOperator<Mode.Reading> change) {
    // The user may have left this output, or read another one.
    return view.mode() instanceof Mode.Reading reading && reading.job().equals(job)
        ? new State(url, picture, failure, history, view.in(change.apply(reading)), said)
        : this;
  }
}
