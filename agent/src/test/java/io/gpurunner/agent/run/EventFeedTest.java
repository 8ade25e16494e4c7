package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.FakeContainerRuntime.Program;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.GpuReport;
import io.gpurunner.api.JobId;
import io.gpurunner.api.MachineEvent;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EventFeedTest {
  @TempDir Path directory;

  private final List<MachineEvent> events = new ArrayList<>();
  private List<GpuReport.Gpu> gpus = List.of();

  @SuppressWarnings("NullAway.Init") // created before each test
  private RunHarness run;

  @SuppressWarnings("NullAway.Init") // created before each test
  private EventFeed feed;

  @BeforeEach
  void make() {
    run = new RunHarness(directory);
    feed =
        new EventFeed(
            run.ledger,
            () -> new GpuReport("simulated", true, Optional.empty(), 0, gpus),
            run.clock,
            UnaryOperator.identity());
  }

  @AfterEach
  void close() {
    feed.close();
    run.close();
  }

  private List<String> states() {
    return events.stream()
        .map(MachineEvent.JobChanged.class::cast)
        .map(MachineEvent.JobChanged::state)
        .toList();
  }

  @Test
  void eachStateOfAJobIsToldOnceAndTheReasonWithIt() {
    Runnable end = feed.listen(events::add);
    JobId id = run.submit(Requests.simple(), Program.endsAfter(Duration.ofSeconds(1), 3));
    run.ledger.note(id, "note", "a line that is not reported");
    run.toTheEnd(id);

    assertThat(states())
        .containsExactly(
            "QUEUED", "PREPARING", "PULLING", "STARTING", "RUNNING", "STOPPING", "FAILED");
    MachineEvent.JobChanged last = (MachineEvent.JobChanged) events.getLast();
    assertThat(last.job()).isEqualTo(id);
    assertThat(last.user()).isEqualTo("ann");
    assertThat(last.reason().orElseThrow()).contains("exit code 3");
    assertThat(last.at()).isEqualTo(run.clock.instant());

    end.run();
    run.submit(Requests.simple(), Program.endsAfter(Duration.ofSeconds(1), 0));
    assertThat(states()).hasSize(7);
  }

  @Test
  void whatChangesOfAnEndedJobIsNotTold() {
    JobId old = run.submit(Requests.simple(), Program.endsAfter(Duration.ofSeconds(1), 3));
    run.toTheEnd(old);
    run.clock.advance(Duration.ofDays(1));
    feed.listen(events::add);
    JobId id = run.submit(Requests.simple(), Program.endsAfter(Duration.ofSeconds(1), 3));
    run.toTheEnd(id);
    assertThat(states()).endsWith("FAILED");
    int told = events.size();

    for (JobId ended : List.of(old, id)) {
      run.ledger.note(ended, "note", "a line of history");
      run.ledger.giveFilesUp(ended);
      run.ledger.swept(ended);
    }
    assertThat(events).hasSize(told);
  }

  @Test
  void whoComesLaterIsToldWhatChangesFromThenOn() {
    JobId id = run.submit(Requests.simple(), Program.untilSignalled());
    run.settle(id);
    feed.listen(events::add);
    run.ledger.requestDeletion(id, "ann");
    run.toTheEnd(id);

    // The deletion request is the first change that the feed sees, so it reports the state.
    assertThat(states()).containsExactly("RUNNING", "STOPPING", "DELETED");
  }

  private static GpuReport.Gpu gpu(String uuid, GpuReport.State state, String reason) {
    return gpu(uuid, state, reason, Optional.empty());
  }

  private static GpuReport.Gpu gpu(
      String uuid, GpuReport.State state, String reason, Optional<String> suspicion) {
    return new GpuReport.Gpu(
        OptionalInt.of(0),
        uuid,
        "NVIDIA-L40S",
        OptionalLong.empty(),
        OptionalLong.empty(),
        state,
        Optional.of(reason),
        suspicion,
        Optional.empty(),
        List.of(),
        Optional.empty(),
        Map.of());
  }

  private List<String> toldOfGpus() {
    List<String> told =
        events.stream()
            .map(MachineEvent.GpuChanged.class::cast)
            .map(gpu -> gpu.uuid() + " " + gpu.state().map(Enum::name).orElse("gone"))
            .toList();
    events.clear();
    return told;
  }

  @Test
  void aGpuIsToldOfWhenItsStateChangesAndNotWhenItsNumbersDo() {
    gpus = List.of(gpu("GPU-a", GpuReport.State.FREE, ""), gpu("GPU-b", GpuReport.State.FREE, ""));
    assertThat(feed.look()).isGreaterThan(Duration.ofMinutes(1));
    feed.listen(events::add);
    assertThat(feed.look()).isEqualTo(Duration.ofSeconds(1));
    feed.look();
    assertThat(events).isEmpty();

    gpus =
        List.of(
            gpu("GPU-a", GpuReport.State.IN_USE, "1 MiB"), gpu("GPU-b", GpuReport.State.FREE, ""));
    feed.look();
    assertThat(toldOfGpus()).containsExactly("GPU-a IN_USE");
    gpus =
        List.of(
            gpu("GPU-a", GpuReport.State.IN_USE, "2 MiB"), gpu("GPU-b", GpuReport.State.FREE, ""));
    feed.look();
    assertThat(events).isEmpty();
    gpus = List.of(gpu("GPU-b", GpuReport.State.FREE, "", Optional.of("it is hot")));
    feed.look();
    assertThat(toldOfGpus()).containsExactly("GPU-b FREE", "GPU-a gone");
    gpus = List.of(gpu("GPU-b", GpuReport.State.UNFIT, "it is lost", Optional.of("it is hot")));
    feed.look();
    assertThat(toldOfGpus()).containsExactly("GPU-b UNFIT");
  }
}
