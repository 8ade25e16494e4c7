package io.gpurunner.agent.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.gpu.GpuUuid;
import io.gpurunner.storage.ArtifactPlace;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class JobTransitionsTest {
  private static final Instant T = Instant.parse("2026-01-01T00:00:00Z");
  private static final ArtifactPlace HERE = new ArtifactPlace.Local();
  private static final List<GpuUuid> GPUS = List.of(new GpuUuid("GPU-a"), new GpuUuid("GPU-b"));

  private static final Optional<String> MADE = Optional.of("c1");
  private static final Optional<String> BOOT = Optional.of("boot");

  private static final List<JobState> STATES =
      List.of(
          new JobState.Queued(1),
          new JobState.Preparing(1, GPUS),
          new JobState.Pulling(1, GPUS),
          new JobState.Starting(1, GPUS, "boot", Optional.of("c1")),
          new JobState.Running(1, GPUS, "boot", "c1", "c1@1", T, Optional.of(T.plusSeconds(60))),
          new JobState.Stopping(
              1,
              GPUS,
              Optional.empty(),
              BOOT,
              new Ending.Completed(),
              T,
              Optional.of(T),
              Optional.empty(),
              Optional.of(T)),
          new JobState.Uploading(
              Optional.of(T), Optional.empty(), T.plusSeconds(9), 0, T, Optional.empty()),
          new JobState.Succeeded(T, Optional.of(T), Optional.of("ds_model.bin"), Optional.of(HERE)),
          new JobState.Failed(T, Optional.of(T), "store down", true),
          new JobState.Deleted(T, Optional.empty(), "ann"));

  private static final List<JobEvent> EVENTS =
      List.of(
          new JobEvent.Leased(GPUS),
          new JobEvent.Prepared(T),
          new JobEvent.Pulled("boot", Optional.empty(), Optional.empty()),
          new JobEvent.Made("c1"),
          new JobEvent.Found("c1"),
          new JobEvent.Started(T, Optional.empty(), "boot", "c1", "c1@1"),
          new JobEvent.RunEnded(new Ending.DeletedBy("ann"), T),
          new JobEvent.StopSignalled(T, "SIGTERM sent"),
          new JobEvent.ContainerGone(T),
          new JobEvent.GpusReleased(T, T.plusSeconds(9), true, List.of(), List.of(), List.of()),
          new JobEvent.Synced(),
          new JobEvent.UploadPostponed("down", T),
          new JobEvent.Uploaded(T, Optional.empty(), HERE, List.of()),
          new JobEvent.UploadGivenUp(T, "down"),
          new JobEvent.Removed(T, "ann"),
          new JobEvent.UploadResumed(T, T.plusSeconds(9)));

  /** All allowed transitions: state and event, then the next state. Every other one is refused. */
  private static final Map<String, String> TABLE =
      Map.ofEntries(
          Map.entry("QUEUED Leased", "PREPARING"),
          Map.entry("QUEUED Removed", "DELETED"),
          Map.entry("PREPARING Prepared", "PULLING"),
          Map.entry("PREPARING RunEnded", "STOPPING"),
          Map.entry("PULLING Pulled", "STARTING"),
          Map.entry("PULLING RunEnded", "STOPPING"),
          Map.entry("STARTING Started", "RUNNING"),
          Map.entry("STARTING Pulled", "STARTING"),
          Map.entry("STARTING Made", "STARTING"),
          Map.entry("STARTING RunEnded", "STOPPING"),
          Map.entry("RUNNING RunEnded", "STOPPING"),
          Map.entry("STOPPING RunEnded", "STOPPING"),
          Map.entry("STOPPING Found", "STOPPING"),
          Map.entry("STOPPING StopSignalled", "STOPPING"),
          Map.entry("STOPPING ContainerGone", "STOPPING"),
          Map.entry("STOPPING GpusReleased", "UPLOADING"),
          Map.entry("UPLOADING Synced", "UPLOADING"),
          Map.entry("UPLOADING UploadPostponed", "UPLOADING"),
          Map.entry("UPLOADING Uploaded", "SUCCEEDED"),
          Map.entry("UPLOADING UploadGivenUp", "FAILED"),
          Map.entry("UPLOADING Removed", "DELETED"),
          Map.entry("FAILED UploadResumed", "UPLOADING"));

  @Test
  void everyPairOfStateAndEventDoesWhatTheTableSays() {
    Map<String, String> seen = new TreeMap<>();
    for (JobState state : STATES) {
      for (JobEvent event : EVENTS) {
        try {
          seen.put(
              state.label() + " " + event.getClass().getSimpleName(),
              JobTransitions.next(state, event).label());
        } catch (IllegalTransitionException refused) {
          assertThat(refused).hasMessageContaining("cannot follow");
        }
      }
    }
    assertThat(seen).isEqualTo(new TreeMap<>(TABLE));
  }

  @Test
  void theTableKnowsEveryStateAndEvent() {
    assertThat(STATES.stream().map(state -> state.getClass().getSimpleName()))
        .containsOnly(recordsOf(JobState.class).map(Class::getSimpleName).toArray(String[]::new));
    assertThat(EVENTS.stream().map(event -> event.getClass().getSimpleName()))
        .containsExactlyInAnyOrderElementsOf(
            recordsOf(JobEvent.class).map(Class::getSimpleName).toList());
  }

  private static Stream<Class<?>> recordsOf(Class<?> kind) {
    return kind.isRecord()
        ? Stream.of(kind)
        : Stream.of(kind.getPermittedSubclasses()).flatMap(JobTransitionsTest::recordsOf);
  }

  @Test
  void whatFollowsAReleaseIsDecidedByTheEnding() {
    assertThat(released(new Ending.Completed(), true)).isInstanceOf(JobState.Uploading.class);
    assertThat(released(new Ending.TimeUp(), true)).isInstanceOf(JobState.Uploading.class);
    assertThat(released(new Ending.DeletedBy("ann"), true))
        .isEqualTo(new JobState.Deleted(T, Optional.of(T), "ann"));
    assertThat(released(new Ending.Broken("exit 1", true), true)).isEqualTo(new JobState.Queued(2));
    assertThat(released(new Ending.Broken("exit 1", true), false))
        .isEqualTo(new JobState.Failed(T, Optional.of(T), "exit 1", false));
    assertThat(released(new Ending.Broken("too large", false), true))
        .isEqualTo(new JobState.Failed(T, Optional.of(T), "too large", false));
  }

  @Test
  void leasesCannotEndBeforeTheContainerWasSeenGone() {
    JobState stopping =
        new JobState.Stopping(
            1,
            GPUS,
            MADE,
            BOOT,
            new Ending.Completed(),
            T,
            Optional.of(T),
            Optional.of(T),
            Optional.empty());
    assertThatThrownBy(
            () ->
                JobTransitions.next(
                    stopping,
                    new JobEvent.GpusReleased(T, T, false, List.of(), List.of(), List.of())))
        .isInstanceOf(IllegalTransitionException.class);
  }

  @Test
  void theContainerThatIsRecordedIsNotChangedForAnother() {
    JobState stopping =
        new JobState.Stopping(
            1,
            GPUS,
            MADE,
            BOOT,
            new Ending.Completed(),
            T,
            Optional.of(T),
            Optional.empty(),
            Optional.empty());
    assertThatThrownBy(() -> JobTransitions.next(stopping, new JobEvent.Found("c2")))
        .isInstanceOf(IllegalTransitionException.class);
  }

  @Test
  void nothingIsPublishedBeforeItIsOnDisk() {
    JobState unsynced = released(new Ending.Completed(), false);
    assertThat(unsynced)
        .isEqualTo(
            new JobState.Uploading(Optional.of(T), BOOT, T.plusSeconds(9), 0, T, Optional.empty()));
    JobEvent uploaded = new JobEvent.Uploaded(T, Optional.empty(), HERE, List.of());
    assertThatThrownBy(() -> JobTransitions.next(unsynced, uploaded))
        .isInstanceOf(IllegalTransitionException.class);
    JobState later = JobTransitions.next(unsynced, new JobEvent.UploadPostponed("down", T));
    assertThatThrownBy(() -> JobTransitions.next(later, uploaded))
        .isInstanceOf(IllegalTransitionException.class);
    JobEvent givenUp = new JobEvent.UploadGivenUp(T, "down");
    assertThat(JobTransitions.next(later, givenUp))
        .isEqualTo(new JobState.Failed(T, Optional.of(T), "down", false));
    assertThat(JobTransitions.next(JobTransitions.next(later, new JobEvent.Synced()), givenUp))
        .isEqualTo(new JobState.Failed(T, Optional.of(T), "down", true));
    assertThat(JobTransitions.next(JobTransitions.next(later, new JobEvent.Synced()), uploaded))
        .isInstanceOf(JobState.Succeeded.class);
  }

  @Test
  void onlyADeletionChangesAnEndingAlreadyDecided() {
    JobState stopping =
        new JobState.Stopping(
            1,
            GPUS,
            MADE,
            BOOT,
            new Ending.Completed(),
            T,
            Optional.of(T),
            Optional.of(T),
            Optional.empty());
    assertThat(JobTransitions.next(stopping, new JobEvent.RunEnded(new Ending.DeletedBy("ann"), T)))
        .isEqualTo(
            new JobState.Stopping(
                1,
                GPUS,
                MADE,
                BOOT,
                new Ending.DeletedBy("ann"),
                T,
                Optional.of(T),
                Optional.of(T),
                Optional.empty()));
    assertThatThrownBy(
            () -> JobTransitions.next(stopping, new JobEvent.RunEnded(new Ending.TimeUp(), T)))
        .isInstanceOf(IllegalTransitionException.class);
  }

  @Test
  void aFailedRunCannotBeUploaded() {
    JobState failed = new JobState.Failed(T, Optional.of(T), "exit 1", false);
    assertThatThrownBy(() -> JobTransitions.next(failed, new JobEvent.UploadResumed(T, T)))
        .isInstanceOf(IllegalTransitionException.class);
  }

  @Test
  void theOnlyRunsReasonIsTheJobs() {
    assertThat(reason(new FailedRuns.Run(1, "exit 1"))).isEqualTo("exit 1");
  }

  @Test
  void theReasonOfARetriedJobNamesItsEarlierRunsToo() {
    FailedRuns.Run first = new FailedRuns.Run(1, "the host rebooted");
    FailedRuns.Run second = new FailedRuns.Run(2, "exit 1");
    assertThat(reason(new FailedRuns.Run(3, "exit 2"), first, second))
        .isEqualTo("run 3: exit 2; earlier: run 1: the host rebooted; run 2: exit 1");
    assertThat(reason(new FailedRuns.Run(2, "exit 2"))).isEqualTo("run 2: exit 2");
  }

  @Test
  void runsThatFailedForTheSameReasonAreNamedTogether() {
    FailedRuns.Run first = new FailedRuns.Run(1, "exit 1");
    FailedRuns.Run second = new FailedRuns.Run(2, "exit 1");
    FailedRuns.Run third = new FailedRuns.Run(3, "exit 1");
    assertThat(reason(third, first, second)).isEqualTo("runs 1, 2 and 3: exit 1");
    assertThat(reason(new FailedRuns.Run(4, "exit 2"), first, second, third))
        .isEqualTo("run 4: exit 2; earlier: runs 1, 2 and 3: exit 1");
    assertThat(reason(new FailedRuns.Run(3, "exit 1"), first, new FailedRuns.Run(2, "exit 2")))
        .isEqualTo("runs 1 and 3: exit 1; earlier: run 2: exit 2");
  }

  @Test
  void theLongReasonOfManyRunsIsCut() {
    FailedRuns.Run first = new FailedRuns.Run(1, "x".repeat(FailedRuns.REASON_LIMIT_CHARS));
    String cut = reason(new FailedRuns.Run(2, "exit 1"), first);
    assertThat(cut)
        .startsWith("run 2: exit 1; earlier: run 1: xxx")
        .endsWith("x…")
        .hasSize(FailedRuns.REASON_LIMIT_CHARS + 1);
    // The mark replaces half of a character that has two parts.
    FailedRuns.Run smiling =
        new FailedRuns.Run(1, "\uD83D\uDE00".repeat(FailedRuns.REASON_LIMIT_CHARS));
    for (String last : List.of("y", "yy")) {
      String whole = reason(new FailedRuns.Run(2, last), smiling);
      assertThat(whole).endsWith("\uD83D\uDE00…");
    }
  }

  @Test
  void theEarlierRunsAreReadFromTheHistory() {
    List<JobHistory.Line> history =
        List.of(
            line("submitted", "submitted by ann"),
            line("leased", "starts without GPUs"),
            line(JobHistory.ENDING, "exit 1"),
            line(JobHistory.RETRY, "queued again for run 2 of 3"),
            line(JobHistory.ENDING, "exit 2"),
            line("output-lost", "its output could not be kept"),
            line(JobHistory.RETRY, "queued again for run 3 of 3"),
            line(JobHistory.ENDING, "exit 3"));
    FailedRuns.Run second = new FailedRuns.Run(2, "exit 2");
    assertThat(FailedRuns.earlier(history, 3))
        .containsExactly(new FailedRuns.Run(1, "exit 1"), second);
    assertThat(FailedRuns.earlier(history.subList(3, 8), 3)).containsExactly(second);
    assertThat(FailedRuns.earlier(history.subList(0, 3), 1)).isEmpty();
  }

  private static JobHistory.Line line(String kind, String message) {
    return new JobHistory.Line(T, kind, message);
  }

  /** Returns the reason of a job whose last run failed after these earlier ones. */
  private static String reason(FailedRuns.Run last, FailedRuns.Run... earlier) {
    JobState stopping =
        new JobState.Stopping(
            last.attempt(),
            GPUS,
            MADE,
            BOOT,
            new Ending.Broken(last.reason(), true),
            T,
            Optional.of(T),
            Optional.empty(),
            Optional.of(T));
    JobState next =
        JobTransitions.next(
            stopping,
            new JobEvent.GpusReleased(T, T, false, List.of(), List.of(earlier), List.of()));
    return ((JobState.Failed) next).reason();
  }

  private static JobState released(Ending ending, boolean retry) {
    JobState stopping =
        new JobState.Stopping(
            1, GPUS, MADE, BOOT, ending, T, Optional.of(T), Optional.empty(), Optional.of(T));
    return JobTransitions.next(
        stopping,
        new JobEvent.GpusReleased(T, T.plusSeconds(9), retry, List.of(), List.of(), List.of()));
  }
}
