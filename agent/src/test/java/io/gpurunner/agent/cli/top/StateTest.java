package io.gpurunner.agent.cli.top;

import static io.gpurunner.agent.cli.top.Pictures.pressed;
import static io.gpurunner.agent.cli.top.Pictures.seen;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.cli.job.JobView;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class StateTest {
  private static final int ROWS = 24;
  private static final String RUNNING = "ai11111111-1111";
  private static final String SECOND = "ai22222222-2222";
  private static final String THIRD = "ai33333333-3333";

  private final State state = seen(Pictures.picture(), 1);

  private static State.Step press(State state, Key.Kind kind) {
    return state.heard(new Event.Pressed(Key.of(kind), true), ROWS);
  }

  private static State.Step press(State state, String letter) {
    return state.heard(new Event.Pressed(Key.of(letter), true), ROWS);
  }

  private static List<String> ids(State state) {
    return state.listed().stream().map(JobView::id).toList();
  }

  private static Optional<String> chosen(State state) {
    return state.view().chosen();
  }

  @Test
  void placedJobsComeBeforeWaitingOnesAndTheFirstIsChosen() {
    assertThat(ids(state)).containsExactly(RUNNING, SECOND, THIRD);
    assertThat(chosen(state)).contains(RUNNING);
  }

  @Test
  void arrowsAndLettersMoveTheChoiceAndStopAtTheEnds() {
    assertThat(chosen(press(state, Key.Kind.DOWN).state())).contains(SECOND);
    assertThat(chosen(pressed(state, "j", "j", "j", "j"))).contains(THIRD);
    assertThat(chosen(pressed(state, "j", "k", "k"))).contains(RUNNING);
    assertThat(chosen(press(state, Key.Kind.LAST).state())).contains(THIRD);
    assertThat(chosen(press(state, Key.Kind.PAGE_DOWN).state())).contains(THIRD);
    assertThat(chosen(press(pressed(state, "G"), Key.Kind.PAGE_UP).state())).contains(RUNNING);
    assertThat(chosen(pressed(state, "G", "g"))).contains(RUNNING);
    assertThat(chosen(press(pressed(state, "G"), Key.Kind.UP).state())).contains(SECOND);
  }

  @Test
  void theChosenJobStaysChosenWhenTheListChangesAndTheNextFollowsIfItIsGone() {
    State second = pressed(state, "j");
    Picture picture = Pictures.picture();
    Picture without =
        new Picture(
            picture.fault(),
            picture.gpus(),
            picture.jobs().stream().filter(job -> !job.id().equals(SECOND)).toList(),
            2,
            picture.at());

    State sorted = pressed(second, "s", "s", "s");
    assertThat(ids(sorted)).containsExactly(THIRD, RUNNING, SECOND);
    assertThat(chosen(sorted)).contains(SECOND);
    assertThat(sorted.view().row()).isEqualTo(2);
    assertThat(chosen(second.heard(new Event.Came(without), ROWS).state())).contains(THIRD);
    State none =
        second
            .heard(
                new Event.Came(
                    new Picture(Optional.empty(), List.of(), List.of(), 0, picture.at())),
                ROWS)
            .state();
    assertThat(chosen(none)).isEmpty();
    assertThat(pressed(none, "j", "c", "l").view()).isEqualTo(none.view());
  }

  @Test
  void theOrdersFollowEachOther() {
    assertThat(ids(pressed(state, "s"))).containsExactly(RUNNING, SECOND, THIRD); // age
    assertThat(ids(pressed(state, "s", "s"))).containsExactly(RUNNING, SECOND, THIRD); // user
    assertThat(ids(pressed(state, "s", "s", "s"))).containsExactly(THIRD, RUNNING, SECOND);
    assertThat(pressed(state, "s", "s", "s", "s").view().order()).isEqualTo(Order.QUEUE);
  }

  @Test
  void aFilterIsWrittenAndKeptAndTakenAway() {
    State filtered = pressed(state, "/", "B", "O", "x");
    assertThat(ids(filtered)).isEmpty();
    filtered = press(filtered, Key.Kind.BACKSPACE).state();
    assertThat(ids(filtered)).containsExactly(SECOND);
    assertThat(chosen(filtered)).contains(SECOND);
    filtered = press(filtered, Key.Kind.ENTER).state();
    assertThat(filtered.view().mode()).isEqualTo(new Mode.Listing());
    assertThat(filtered.view().filter()).isEqualTo("BO");
    assertThat(ids(press(filtered, Key.Kind.ESCAPE).state())).hasSize(3);

    State left = press(pressed(state, "/", "b"), Key.Kind.ESCAPE).state();
    assertThat(left.view().mode()).isEqualTo(new Mode.Listing());
    assertThat(ids(left)).hasSize(3);
  }

  /** While a filter is written, no letter is an order. */
  @Test
  void lettersOfAFilterDoNothingElse() {
    State.Step step = press(pressed(state, "/"), "q");

    assertThat(step.action()).isEmpty();
    assertThat(step.state().view().filter()).isEqualTo("q");
  }

  @Test
  void aFilterHasALimit() {
    String[] keys =
        Collections.nCopies(Keys.MOST_FILTER_CHARACTERS + 5, "a").toArray(String[]::new);

    assertThat(pressed(pressed(state, "/"), keys).view().filter())
        .hasSize(Keys.MOST_FILTER_CHARACTERS);
  }

  @Test
  void aJobIsCancelledOnlyAfterAYes() {
    State asking = pressed(state, "j", "c");
    assertThat(asking.view().mode())
        .isEqualTo(new Mode.Asking(SECOND, "ai22222222 of bob, which is queued"));

    assertThat(press(asking, "y").action()).contains(new Action.Cancel(SECOND));
    assertThat(press(asking, "n").action()).isEmpty();
    assertThat(press(asking, Key.Kind.ENTER).action()).isEmpty();
    assertThat(press(asking, "n").state().view().mode()).isEqualTo(new Mode.Listing());
  }

  /** A terminal that marks no paste sends "agency" at once: g, c and y are keys. */
  @Test
  void aYesThatCameTogetherWithOtherKeysCancelsNothing() {
    State asking = pressed(state, "g", "c");
    State.Step step = asking.heard(new Event.Pressed(Key.of("y"), false), ROWS);

    assertThat(step.action()).isEmpty();
    assertThat(step.state().view().mode()).isEqualTo(new Mode.Listing());
  }

  @Test
  void whatCameOfAnOrderIsSaidUntilTheNextKey() {
    State said = state.heard(new Event.Said("it is being stopped"), ROWS).state();

    assertThat(said.said()).contains("it is being stopped");
    assertThat(said.heard(new Event.Came(Pictures.picture()), ROWS).state().said()).isPresent();
    assertThat(pressed(said, "j").said()).isEmpty();
  }

  @Test
  void theOutputOfAJobIsReadAndLeft() {
    State.Step read = press(state, Key.Kind.ENTER);
    assertThat(read.action()).contains(new Action.ReadLog(RUNNING));
    assertThat(press(state, "l").action()).contains(new Action.ReadLog(RUNNING));

    List<String> lines = Collections.nCopies(100, "line");
    State reading = read.state().heard(new Event.LogCame(RUNNING, lines), ROWS).state();
    assertThat(back(press(reading, Key.Kind.UP).state())).isEqualTo(1);
    assertThat(back(pressed(reading, "k", "k", "j"))).isEqualTo(1);
    assertThat(back(press(reading, Key.Kind.FIRST).state())).isEqualTo(100 - (ROWS - 2));
    assertThat(back(press(reading, Key.Kind.PAGE_UP).state())).isEqualTo(ROWS - 2);
    assertThat(back(pressed(reading, "g", "G"))).isZero();

    assertThat(press(reading, "q").action()).contains(new Action.StopReading());
    assertThat(press(reading, "q").state().view().mode()).isEqualTo(new Mode.Listing());
    State left = press(reading, Key.Kind.ESCAPE).state();
    assertThat(left.heard(new Event.LogCame(RUNNING, lines), ROWS).state()).isEqualTo(left);
  }

  @Test
  void anOutputThatCannotBeReadSaysSoUntilItCan() {
    State reading =
        pressed(state, "l").heard(new Event.LogCame(RUNNING, List.of("one")), ROWS).state();
    State failed = reading.heard(new Event.LogFailed(RUNNING, "no such run"), ROWS).state();

    assertThat(failed.failure()).isEmpty();
    assertThat(failed.view().mode())
        .isEqualTo(new Mode.Reading(RUNNING, List.of("one"), 0, Optional.of("no such run")));
    assertThat(failed.heard(new Event.LogCame(RUNNING, List.of("one")), ROWS).state())
        .isEqualTo(reading);
    assertThat(state.heard(new Event.LogFailed(RUNNING, "no such run"), ROWS).state())
        .isEqualTo(state);
  }

  private static int back(State state) {
    return state.view().mode() instanceof Mode.Reading reading ? reading.back() : -1;
  }

  @Test
  void anyKeyLeavesTheHelp() {
    State helping = pressed(state, "?");

    assertThat(helping.view().mode()).isEqualTo(new Mode.Helping());
    assertThat(press(helping, "q").action()).isEmpty();
    assertThat(press(helping, "q").state().view().mode()).isEqualTo(new Mode.Listing());
  }

  @Test
  void qEndsAndATerminalThatIsGoneEndsToo() {
    assertThat(press(state, "q").action()).contains(new Action.Quit());
    assertThat(state.heard(new Event.Ended(), ROWS).action()).contains(new Action.Quit());
    assertThat(press(state, Key.Kind.REDRAW).action()).contains(new Action.Redraw());
  }

  @Test
  void anErrorOfTheCommandEndsIt() {
    IllegalStateException why = new IllegalStateException("an error");

    assertThatThrownBy(() -> state.heard(new Event.Crashed(why), ROWS)).isSameAs(why);
  }

  @Test
  void afterAFailureTheLastPictureStaysUntilTheNextOne() {
    State failed = state.heard(new Event.Failed("no agent answers"), ROWS).state();

    assertThat(failed.picture()).isEqualTo(state.picture());
    assertThat(failed.failure()).contains("no agent answers");
    assertThat(failed.heard(new Event.Came(Pictures.picture()), ROWS).state().failure()).isEmpty();
  }

  @Test
  void theHistoryHasALimitAndForgetsGpusThatAreGone() {
    State many = seen(Pictures.picture(), History.MOST_SAMPLES + 5);
    Gpu gpu = Pictures.picture().gpus().getFirst();

    assertThat(many.history().of(gpu, Figure.USE))
        .hasSize(History.MOST_SAMPLES)
        .containsOnly(Optional.of(0.83));
    assertThat(many.history().with(Pictures.crowded(0, 0)).of(gpu, Figure.USE)).isEmpty();
  }
}
