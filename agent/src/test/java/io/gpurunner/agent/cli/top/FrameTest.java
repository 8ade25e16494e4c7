package io.gpurunner.agent.cli.top;

import static io.gpurunner.agent.cli.top.Pictures.pressed;
import static io.gpurunner.agent.cli.top.Pictures.seen;
import static java.util.stream.Collectors.joining;
import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.cli.job.JobView;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class FrameTest {
  private static final ZonedDateTime NOW = Pictures.T.plusSeconds(1).atZone(ZoneOffset.ofHours(8));

  private static final String AT_80_COLUMNS =
      """
      gpurunner top  http://gpu1:8080                                         20:00:00
      3 GPUs: 1 leased, 1 free, 1 quarantined   3 jobs by queue: 2 queued, 1 running
      GPU TYPE     STATE       USER JOB
      0   RTX-3090 leased      ann  ai11111111  use     ▇▇▇▇▇▇▇▇▇ mem     ▄▄▄▄▄▄▄▄▄
           use ████░ 83 %  mem ██░░░ 12/25 GB   pow ████░ 280/350 W temp ███░░ 65 °C
      1   H200     free        -    -
           use -           mem ?/150 GB         pow -               temp -
      2   H200     quarantined -    -           XID 79: it has fallen off the bus
           use -           mem ?/150 GB         pow -               temp -

        JOB        USER STATE   GPUS       AGE  NOTE
        ai11111111 ann  running 1×RTX-3090 1 h  stops in 59 m 59 s
      > ai22222222 bob  queued  1×RTX-3090 30 m place 1, starts within 1 h: waits for…
        ai33333333 张伟 queued  2×H200     2 m  place 2: waits for NVIDIA-H200 behind…







      ai22222222-2222: queued, place 1, starts within 1 h: waits for 1 ×
      NVIDIA-GeForce-RTX-3090: 0 free, 1 held by another job
      q quit  ? help  ↑↓ choose  l output  c cancel  s sort  / filter
      """;

  private static final String AT_200_COLUMNS =
      """
      gpurunner top  http://gpu1:8080                                                                                                                                                                 20:00:00
      3 GPUs: 1 leased, 1 free, 1 quarantined   3 jobs by queue: 2 queued, 1 running
      GPU TYPE     STATE       USER JOB          USE                                  MEMORY                                    POWER                                    TEMP
      0   RTX-3090 leased      ann  ai11111111   ████████████░░ 83 %       ▇▇▇▇▇▇▇▇▇  ███████░░░░░░░ 12/25 GB        ▄▄▄▄▄▄▄▄▄  ███████████░░░ 280/350 W      ▇▇▇▇▇▇▇▇▇  █████████░░░░░ 65 °C       ▆▆▆▆▆▆▆▆▆
      1   H200     free        -    -            -                                    ?/150 GB                                  -                                        -
      2   H200     quarantined -    -           XID 79: it has fallen off the bus

        JOB         NAME      USER  STATE    GPUS        AGE   NOTE
        ai11111111  resnet    ann   running  1×RTX-3090  1 h   stops in 59 m 59 s
      > ai22222222  -         bob   queued   1×RTX-3090  30 m  place 1, starts within 1 h: waits for 1 × NVIDIA-GeForce-RTX-3090: 0 free, 1 held by another job
        ai33333333  微调?[2J  张伟  queued   2×H200      2 m   place 2: waits for NVIDIA-H200 behind a job ahead of it






      ai22222222-2222: queued, place 1, starts within 1 h: waits for 1 × NVIDIA-GeForce-RTX-3090: 0 free, 1 held by another job

      q quit  ? help  ↑↓ choose  l output  c cancel  s sort  / filter
      """;

  private static final String AT_40_COLUMNS =
      """
      gpurunner top  http://gpu1:80…  20:00:00
      3 GPUs: 1 leased, 1 free, 1 quarantined…
      GPU TYPE     STATE          USE     MEM…
          … and 3 more GPUs
        JOB        STATE   GPUS       AGE  NO…
        ai11111111 running 1×RTX-3090 1 h  st…
      > ai22222222 queued  1×RTX-3090 30 m pl…
      q quit  ? help  ↑↓ choose  l output  c …
      """;

  private final State state = pressed(seen(Pictures.picture(), 9), "j");

  private static List<Line> frame(State state, int rows, int columns) {
    return Frame.of(state, new Size(rows, columns), NOW);
  }

  private static String text(State state, int rows, int columns) {
    return frame(state, rows, columns).stream().map(line -> line.text() + "\n").collect(joining());
  }

  @Test
  void anUsualTerminalHasTwoLinesForEachGpu() {
    assertThat(text(state, 24, 80)).isEqualTo(AT_80_COLUMNS);
  }

  @Test
  void aWideTerminalHasOneLineForEachGpuAndTheNamesOfJobs() {
    assertThat(text(state, 20, 200)).isEqualTo(AT_200_COLUMNS);
  }

  @Test
  void aSmallTerminalHasSomethingOfEverything() {
    assertThat(text(state, 8, 40)).isEqualTo(AT_40_COLUMNS);
  }

  @Test
  void aFrameIsAsLargeAsTheTerminalWhateverItsSizeAndShowsNoControlCharacter() {
    List<State> states =
        List.of(
            state,
            State.first("http://gpu1:8080"),
            seen(Pictures.crowded(0, 0), 1),
            pressed(seen(Pictures.crowded(9, 400), 1), "G"),
            pressed(state, "/", "微", "x"),
            pressed(state, "c"),
            pressed(state, "?"),
            failed(state),
            reading(Collections.nCopies(300, "一行\u001b[31m of output ".repeat(20))),
            reading(List.of()));
    for (State one : states) {
      for (int rows : List.of(1, 2, 3, 4, 5, 8, 12, 17, 18, 24, 60)) {
        for (int columns :
            List.of(1, 2, 3, 5, 9, 20, 40, 71, 72, 80, 99, 100, 120, 149, 150, 220)) {
          List<Line> frame = frame(one, rows, columns);
          assertThat(frame).as("%s rows, %s columns", rows, columns).hasSize(rows);
          assertThat(frame).allMatch(line -> line.width() <= columns);
          assertThat(frame).allMatch(line -> line.text().chars().allMatch(it -> it >= ' '));
        }
      }
    }
  }

  private static State failed(State state) {
    return state.heard(new Event.Failed("no agent answers at http://gpu1:8080"), 24).state();
  }

  private State reading(List<String> lines) {
    State read = state.heard(new Event.Pressed(Key.of(Key.Kind.ENTER), true), 24).state();
    String job = state.view().chosen().orElseThrow();
    return read.heard(new Event.LogCame(job, lines), 24).state();
  }

  @Test
  void theChosenJobIsSeenInALongList() {
    State crowded = seen(Pictures.crowded(16, 400), 1);

    assertThat(text(pressed(crowded, "G"), 24, 80)).contains("> ai00000399", "and 6 more GPUs");
    assertThat(text(pressed(crowded, "j"), 24, 80))
        .contains("400 of 5000 jobs", "> ai00000001")
        .doesNotContain("ai00000399");
  }

  @Test
  void aPictureIsOldWhileTheAgentIsSilent() {
    ZonedDateTime last = Pictures.T.plus(Frame.FRESH_FOR).atZone(ZoneOffset.UTC);
    Size size = new Size(24, 80);

    assertThat(Frame.of(state, size, last).getFirst().text()).endsWith("  12:00:00");
    assertThat(Frame.of(state, size, last.plusSeconds(1)).getFirst().text())
        .endsWith("OLD: of 12:00:00, 11 s ago");
  }

  @Test
  void anOldPictureSaysThatItIsOldAndWhy() {
    String text = text(failed(state), 24, 80);

    assertThat(text)
        .contains("OLD: of 20:00:00, 1 s ago", "ai22222222")
        .contains("asking again: no agent answers at http://gpu1:8080");
  }

  @Test
  void aQuestionAndAFilterAreInTheLastLine() {
    assertThat(text(pressed(state, "c"), 24, 80))
        .endsWith("cancel ai22222222 of bob, which is queued? y: yes, any other key: no\n");
    assertThat(text(pressed(state, "/", "b"), 24, 80))
        .contains("\nfilter: b   3 GPUs: 1 leased")
        .endsWith("filter: b_   Enter: keep it, Esc: all jobs\n");
    assertThat(text(pressed(state, "/", "x", "y"), 24, 80))
        .contains("No job matches the filter; Esc lists all.");
  }

  @Test
  void theEndOfAnOutputIsShownAndItsBeginningOnRequest() {
    State reading = reading(List.of("one", "two", "three", "four"));

    assertThat(text(reading, 4, 80))
        .startsWith("output of ai22222222-2222\nthree\nfour\n")
        .endsWith("new lines are shown\n");
    State above = reading.heard(new Event.Pressed(Key.of("k"), true), 4).state();
    assertThat(text(above, 4, 80)).contains("two\nthree\n").contains("1 line above the end");
  }

  @Test
  void aWordIsBesideEachColour() {
    assertThat(frame(state, 24, 80).get(3).parts()).contains(new Line.Part("leased", Ink.CYAN));
    assertThat(frame(state, 24, 80).get(7).parts()).contains(new Line.Part("quarantined", Ink.RED));
    assertThat(Line.of("free", Ink.GREEN).painted(true)).isEqualTo("\u001b[32mfree\u001b[0m");
    assertThat(Line.of("free", Ink.GREEN).painted(false)).isEqualTo("free");
  }

  @Test
  void aFaultOfTheGpusIsSaid() {
    Picture faulty =
        new Picture(Optional.of("NVML: lost"), List.of(), List.<JobView>of(), 0, Pictures.T);

    assertThat(text(seen(faulty, 1), 24, 80))
        .contains("The GPUs cannot be read now: NVML: lost")
        .contains("There is no job that has not ended.");
  }
}
