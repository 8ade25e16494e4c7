package io.gpurunner.agent.container;

import static io.gpurunner.agent.container.ContainerRef.unrecorded;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.FakeContainerRuntime.Program;
import io.gpurunner.api.ImageReference;
import io.gpurunner.api.JobId;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** The contract of every {@link ContainerRuntime}, the fake included. */
public abstract class ContainerRuntimeContract {
  /** Returns the runtime under test, the same one for the whole test. */
  protected abstract ContainerRuntime runtime();

  /** Returns a container that will run this program. */
  protected abstract ContainerSpec spec(Program program);

  /** Returns a container from an image that does not exist. */
  protected abstract ContainerSpec specOfMissingImage();

  /** Waits, or moves the time, until the container has ended. */
  protected abstract Observation.Exited awaitExit(ContainerName name);

  /** Waits until the program can take signals. */
  protected abstract void awaitReady(ContainerName name);

  /** Returns a container with a name and an image only, for engines in memory. */
  protected static ContainerSpec specOf(JobId job, String image) {
    return new ContainerSpec(
        new ContainerName(job, 1),
        ImageReference.of(image),
        List.of(),
        Map.of(),
        List.of(),
        new ContainerSpec.GpuAttachment.None(),
        1 << 20);
  }

  private static ContainerName unknown() {
    return new ContainerName(JobId.random(), 1);
  }

  private ContainerName started(Program program) {
    ContainerSpec spec = spec(program);
    runtime().create(spec);
    runtime().start(unrecorded(spec.name()));
    return spec.name();
  }

  private List<ContainerName> names() {
    return runtime().list().stream().flatMap(found -> found.name().stream()).toList();
  }

  @Test
  void anUnknownContainerIsAbsent() {
    assertThat(runtime().inspect(unrecorded(unknown()))).isEmpty();
    assertThatThrownBy(() -> runtime().start(unrecorded(unknown())))
        .isInstanceOfSatisfying(
            ContainerException.class, e -> assertThat(e.kind()).isEqualTo(Kind.ABSENT));
    runtime().askToStop(unrecorded(unknown()), StopRequest.none());
    runtime().kill(unrecorded(unknown()));
    runtime().remove(unrecorded(unknown()));
  }

  @Test
  void createdTwiceIsOneContainer() {
    ContainerSpec spec = spec(Program.untilSignalled());
    runtime().create(spec);
    Optional<Observation> first = runtime().inspect(unrecorded(spec.name()));
    runtime().create(spec);
    assertThat(first).get().isInstanceOf(Observation.Created.class);
    assertThat(runtime().inspect(unrecorded(spec.name()))).isEqualTo(first);
    assertThat(names()).containsOnlyOnce(spec.name());
  }

  @Test
  void aMissingImageFailsAndLeavesNothing() {
    ContainerSpec spec = specOfMissingImage();
    assertThatThrownBy(() -> runtime().create(spec))
        .isInstanceOfSatisfying(
            ContainerException.class,
            e -> {
              assertThat(e.kind()).isEqualTo(Kind.FAILED);
              assertThat(e).hasMessageContaining(spec.image().toString());
            });
    assertThat(runtime().inspect(unrecorded(spec.name()))).isEmpty();
  }

  @Test
  void aCreatedContainerTakesSignalsWithoutError() {
    ContainerSpec spec = spec(Program.untilSignalled());
    runtime().create(spec);
    runtime().askToStop(unrecorded(spec.name()), StopRequest.none());
    runtime().kill(unrecorded(spec.name()));
    assertThat(runtime().inspect(unrecorded(spec.name())))
        .get()
        .isInstanceOf(Observation.Created.class);
  }

  @Test
  void startedTwiceRunsOnce() {
    ContainerName name = started(Program.untilSignalled());
    Optional<Observation> first = runtime().inspect(unrecorded(name));
    runtime().start(unrecorded(name));
    assertThat(first).get().isInstanceOf(Observation.Running.class);
    assertThat(runtime().inspect(unrecorded(name))).isEqualTo(first);
  }

  @Test
  void theExitCodeAndTheTimesAreSeen() {
    ContainerName name = started(Program.endsAfter(Duration.ZERO, 7));
    Observation.Exited exited = awaitExit(name);
    assertThat(exited.exitCode()).isEqualTo(7);
    assertThat(exited.outOfMemory()).isFalse();
    assertThat(exited.finishedAt()).isAfterOrEqualTo(exited.startedAt());
  }

  @Test
  void aStartAfterTheEndDoesNotRunItAgain() {
    ContainerName name = started(Program.endsAfter(Duration.ZERO, 3));
    Observation.Exited exited = awaitExit(name);
    runtime().start(unrecorded(name));
    assertThat(runtime().inspect(unrecorded(name))).contains(exited);
    runtime().askToStop(unrecorded(name), StopRequest.none());
    runtime().kill(unrecorded(name));
    assertThat(runtime().inspect(unrecorded(name))).contains(exited);
  }

  @Test
  void sigtermEndsAProgramThatListens() {
    ContainerName name = started(Program.untilSignalled());
    awaitReady(name);
    runtime().askToStop(unrecorded(name), StopRequest.none());
    assertThat(awaitExit(name).exitCode()).isEqualTo(FakeContainerRuntime.TERMINATED);
  }

  @Test
  void sigkillEndsAProgramThatIgnoresSigterm() {
    ContainerName name = started(Program.untilSignalled().ignoringTerm());
    awaitReady(name);
    runtime().askToStop(unrecorded(name), StopRequest.none());
    assertThat(runtime().inspect(unrecorded(name))).get().isInstanceOf(Observation.Running.class);
    runtime().kill(unrecorded(name));
    assertThat(awaitExit(name).exitCode()).isEqualTo(FakeContainerRuntime.KILLED);
  }

  @Test
  void aProgramIsAskedOnce() {
    ContainerName name = started(Program.untilSignalled().ignoringTerm());
    awaitReady(name);
    StopRequest first = runtime().askToStop(unrecorded(name), StopRequest.none());
    assertThat(first.words()).isPresent();
    assertThat(runtime().askToStop(unrecorded(name), first).words()).isEmpty();
    runtime().kill(unrecorded(name));
  }

  @Test
  void removingARunningContainerEndsIt() {
    ContainerName name = started(Program.untilSignalled());
    assertThat(names()).contains(name);
    runtime().remove(unrecorded(name));
    assertThat(runtime().inspect(unrecorded(name))).isEmpty();
    assertThat(names()).doesNotContain(name);
    runtime().remove(unrecorded(name));
  }

  @Test
  void whatRunsInItCanBeEndedByItsId() {
    ContainerName name = started(Program.untilSignalled().ignoringTerm());
    ContainerName other = started(Program.untilSignalled());
    String id = runtime().inspect(unrecorded(name)).orElseThrow().containerId();
    runtime().endProcesses(id);
    assertThat(awaitExit(name).exitCode()).isEqualTo(FakeContainerRuntime.KILLED);
    assertThat(runtime().inspect(unrecorded(other))).get().isInstanceOf(Observation.Running.class);
    runtime().remove(unrecorded(name));
    runtime().endProcesses(id);
  }

  @Test
  void whatIsListedCanBeDiscarded() {
    ContainerName name = started(Program.untilSignalled());
    LabelledContainer listed =
        runtime().list().stream()
            .filter(found -> found.name().filter(name::equals).isPresent())
            .findFirst()
            .orElseThrow();
    assertThat(runtime().inspect(unrecorded(name)))
        .get()
        .extracting(Observation::containerId)
        .isEqualTo(listed.containerId());
    runtime().discard(listed);
    assertThat(runtime().inspect(unrecorded(name))).isEmpty();
    runtime().discard(listed);
  }

  @Test
  void theListHasEveryState() {
    ContainerSpec created = spec(Program.untilSignalled());
    runtime().create(created);
    ContainerName running = started(Program.untilSignalled());
    ContainerName exited = started(Program.endsAfter(Duration.ZERO, 0));
    awaitExit(exited);
    assertThat(names()).contains(created.name(), running, exited);
  }
}
