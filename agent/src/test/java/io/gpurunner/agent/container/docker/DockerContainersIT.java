package io.gpurunner.agent.container.docker;

import static io.gpurunner.agent.container.ContainerRef.recorded;
import static io.gpurunner.agent.container.ContainerRef.unrecorded;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerRef;
import io.gpurunner.agent.container.ContainerRuntime;
import io.gpurunner.agent.container.ContainerRuntimeContract;
import io.gpurunner.agent.container.ContainerSpec;
import io.gpurunner.agent.container.ContainerSpec.Mount;
import io.gpurunner.agent.container.FakeContainerRuntime.Program;
import io.gpurunner.agent.container.LabelledContainer;
import io.gpurunner.agent.container.Observation;
import io.gpurunner.agent.container.StopRequest;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests the contract, and what only a real engine shows. */
final class DockerContainersIT extends ContainerRuntimeContract {
  private final TestEngine engine = new TestEngine();

  @AfterEach
  void removeContainers() {
    engine.close();
  }

  @Override
  protected ContainerRuntime runtime() {
    return engine.engine().containers();
  }

  @Override
  protected ContainerSpec spec(Program program) {
    String onTerm = program.afterTerm().isPresent() ? "trap 'exit 143' TERM" : "trap '' TERM";
    String body =
        program
            .runsFor()
            .map(time -> "sleep " + time.toSeconds() + "; exit " + program.exitCode())
            .orElse("while :; do sleep 0.1; done");
    return TestEngine.shell(onTerm + "; echo ready; " + body);
  }

  @Override
  protected ContainerSpec specOfMissingImage() {
    return TestEngine.spec("gpurunner-no-such-image:1", List.of(), Map.of(), List.of());
  }

  @Override
  protected Observation.Exited awaitExit(ContainerName name) {
    return engine.awaitExit(name);
  }

  @Override
  protected void awaitReady(ContainerName name) {
    engine.awaitOutput(name, "ready");
  }

  @Test
  void theListHasOnlyThisAgentsContainers() {
    try (TestEngine other = new TestEngine()) {
      ContainerSpec theirs = TestEngine.shell("exit 0");
      other.engine().containers().create(theirs);
      ContainerSpec ours = spec(Program.untilSignalled());
      runtime().create(ours);
      assertThat(runtime().list())
          .singleElement()
          .matches(found -> found.name().filter(ours.name()::equals).isPresent());
    }
  }

  @Test
  void aContainerThatSomebodyRenamedIsStillListed() {
    ContainerName name = engine.start(spec(Program.untilSignalled()));
    String other = "renamed-" + name;
    engine
        .connection()
        .run(
            "renaming",
            CallLimits.QUICK,
            docker -> docker.renameContainerCmd(name.toString()).withName(other).exec());
    assertThat(runtime().inspect(unrecorded(name))).isEmpty();
    LabelledContainer found = runtime().list().getFirst();
    assertThat(found.engineName()).isEqualTo(other);
    assertThat(found.name()).isEmpty();
    runtime().discard(found);
    assertThat(runtime().list()).isEmpty();
  }

  @Test
  void aContainerThatSomebodyStartsAgainHasAnotherRun() {
    ContainerName name = engine.start(spec(Program.untilSignalled()));
    String first = ((Observation.Ran) runtime().inspect(unrecorded(name)).orElseThrow()).run();
    engine
        .connection()
        .run(
            "restarting",
            CallLimits.REMOVE,
            docker -> docker.restartContainerCmd(name.toString()).withTimeout(0).exec());
    assertThat(runtime().inspect(unrecorded(name)))
        .get()
        .isInstanceOfSatisfying(
            Observation.Running.class, again -> assertThat(again.run()).isNotEqualTo(first));
  }

  @Test
  void aJobThatIsStoppedFromOutsideCannotEndByItself() {
    ContainerName name =
        engine.start(
            TestEngine.shell("trap 'exit 0' TERM; echo ready; while true; do sleep 0.1; done"));
    engine.awaitOutput(name, "ready");
    engine
        .connection()
        .run(
            "stopping",
            CallLimits.REMOVE,
            docker -> docker.stopContainerCmd(name.toString()).exec());
    assertThat(engine.awaitExit(name).exitCode()).isEqualTo(137);
  }

  @Test
  void anotherAgentsContainerIsNotAdopted() {
    try (TestEngine other = new TestEngine()) {
      ContainerSpec theirs = TestEngine.shell("exit 0");
      other.engine().containers().create(theirs);
      assertThatThrownBy(() -> runtime().create(theirs))
          .isInstanceOfSatisfying(
              ContainerException.class,
              e -> {
                assertThat(e.kind()).isEqualTo(Kind.FAILED);
                assertThat(e)
                    .hasMessageContaining(theirs.name().toString())
                    .hasMessageContaining(engine.settings().instance());
              });
    }
  }

  @Test
  void anotherAgentsContainerIsNeverTouched() {
    try (TestEngine other = new TestEngine()) {
      ContainerName theirs = other.start(spec(Program.untilSignalled()));
      other.awaitOutput(theirs, "ready");
      Observation before = other.engine().containers().inspect(unrecorded(theirs)).orElseThrow();
      assertThat(runtime().inspect(unrecorded(theirs))).isEmpty();
      assertThatThrownBy(() -> runtime().start(unrecorded(theirs)))
          .isInstanceOfSatisfying(
              ContainerException.class, e -> assertThat(e.kind()).isEqualTo(Kind.ABSENT));
      runtime().kill(unrecorded(theirs));
      runtime().remove(unrecorded(theirs));
      assertThat(other.engine().containers().inspect(unrecorded(theirs))).contains(before);
    }
  }

  /** Containers of an older version of the agent look like this. */
  @Test
  void aRecordedContainerIsFoundWhateverItsLabelAndItsName() {
    try (TestEngine other = new TestEngine()) {
      ContainerName name = other.start(spec(Program.untilSignalled()));
      other.awaitOutput(name, "ready");
      Observation seen = other.engine().containers().inspect(unrecorded(name)).orElseThrow();
      other.rename(name, "renamed-" + name);
      ContainerRef container = recorded(name, seen.containerId());
      assertThat(runtime().inspect(container)).contains(seen);
      runtime().start(container);
      runtime().kill(container);
      runtime().remove(container);
      assertThat(runtime().inspect(container)).isEmpty();
      assertThat(other.engine().containers().list()).isEmpty();
    }
  }

  @Test
  void aMissingHostDirectoryIsRefusedAndNotMade(@TempDir Path folder) {
    Path missing = folder.resolve("missing");
    ContainerSpec spec =
        TestEngine.spec(
            TestEngine.image(), List.of(), Map.of(), List.of(new Mount(missing, "/data", true)));
    assertThatThrownBy(() -> runtime().create(spec))
        .isInstanceOfSatisfying(
            ContainerException.class,
            e -> {
              assertThat(e.kind()).isEqualTo(Kind.MACHINE_UNFIT);
              assertThat(e).hasMessageContaining(missing.toString());
            });
    assertThat(missing).doesNotExist();
    assertThat(runtime().inspect(unrecorded(spec.name()))).isEmpty();
  }

  @Test
  void aCommandThatIsNotThereEndsWith127AndSaysWhich() {
    ContainerSpec spec =
        TestEngine.spec(TestEngine.image(), List.of("no-such-program", "x"), Map.of(), List.of());
    ContainerName name = engine.start(spec);
    assertThat(engine.awaitExit(name).exitCode()).isEqualTo(127);
    assertThat(engine.output(name)).contains("no-such-program").contains("No such file");
  }

  @Test
  void aCommandThatCannotBeExecutedEndsWith126() {
    ContainerSpec spec = TestEngine.spec(TestEngine.image(), List.of("/etc"), Map.of(), List.of());
    ContainerName name = engine.start(spec);
    assertThat(engine.awaitExit(name).exitCode()).isEqualTo(126);
    assertThat(engine.output(name)).contains("/etc").contains("Permission denied");
  }

  @Test
  void aStartThatTheEngineRefusesIsRefusedAgain() {
    // A directory cannot be mounted on a file. The runtime notices that at the start.
    ContainerSpec spec =
        TestEngine.spec(
            TestEngine.image(),
            List.of("true"),
            Map.of(),
            List.of(new Mount(Path.of("/tmp"), "/etc/hostname", true)));
    runtime().create(spec);
    for (int tries = 0; tries < 2; tries++) {
      assertThatThrownBy(() -> runtime().start(unrecorded(spec.name())))
          .isInstanceOfSatisfying(
              ContainerException.class,
              e -> {
                assertThat(e.kind()).isEqualTo(Kind.REFUSED);
                assertThat(e)
                    .hasMessageContaining(spec.name().toString())
                    .hasMessageContaining("not a directory");
              });
      assertThat(runtime().inspect(unrecorded(spec.name())))
          .get()
          .isInstanceOf(Observation.Created.class);
    }
  }

  /** Many at once: on a busy machine the engine's own answer lacks the cause in one of nine. */
  @Test
  void memoryRunningOutIsSeen() {
    List<ContainerName> names =
        IntStream.range(0, 24).parallel().mapToObj(n -> startWithoutMemory()).toList();
    for (ContainerName name : names) {
      Observation.Exited exited = engine.awaitExit(name);
      assertThat(exited.exitCode()).isEqualTo(137);
      assertThat(exited.outOfMemory()).as(name.toString()).isTrue();
    }
  }

  private ContainerName startWithoutMemory() {
    ContainerSpec spec = TestEngine.shell("tail /dev/zero");
    runtime().create(spec);
    engine
        .connection()
        .run(
            "limiting the memory of " + spec.name(),
            CallLimits.QUICK,
            docker ->
                docker
                    .updateContainerCmd(spec.name().toString())
                    .withMemory(32L << 20)
                    .withMemorySwap(32L << 20)
                    .exec());
    runtime().start(unrecorded(spec.name()));
    return spec.name();
  }

  @Test
  void aKillIsNoLackOfMemory() {
    ContainerName name = engine.start(spec(Program.untilSignalled()));
    engine.awaitOutput(name, "ready");
    runtime().kill(unrecorded(name));
    Observation.Exited exited = engine.awaitExit(name);
    assertThat(exited.exitCode()).isEqualTo(137);
    assertThat(exited.outOfMemory()).isFalse();
  }

  @Test
  void aPausedContainerIsToldAndCanBeEnded() {
    ContainerName name = engine.start(spec(Program.untilSignalled()));
    engine.awaitOutput(name, "ready");
    engine
        .connection()
        .run(
            "pausing",
            CallLimits.QUICK,
            docker -> docker.pauseContainerCmd(name.toString()).exec());
    assertThat(runtime().inspect(unrecorded(name)))
        .get()
        .isInstanceOfSatisfying(
            Observation.Running.class,
            paused -> assertThat(paused.activity()).isEqualTo(Observation.Activity.PAUSED));
    runtime().askToStop(unrecorded(name), StopRequest.none());
    runtime().kill(unrecorded(name));
    assertThat(engine.awaitExit(name).exitCode()).isIn(137, 143);
  }
}
