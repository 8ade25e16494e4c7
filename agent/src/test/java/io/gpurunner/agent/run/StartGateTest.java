package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.FakeEngineProbe;
import io.gpurunner.agent.run.StartGate.Part;
import io.gpurunner.gpu.GpuUuid;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class StartGateTest {
  private static final List<GpuUuid> GPU = List.of(new GpuUuid("GPU-a"));

  private final FakeEngineProbe engine = new FakeEngineProbe();
  private final StartGate gate = new StartGate(engine);

  private void enginePrevents(String why) {
    engine.startFault(Optional.of(new ContainerException(Kind.MACHINE_UNFIT, why)));
  }

  @Test
  void isOpenAtFirstAndTriesNothing() {
    gate.round();
    assertThat(gate.whyClosed(Part.ENGINE)).isEmpty();
    assertThat(gate.whyClosed(Part.GPUS)).isEmpty();
    assertThat(engine.tries()).isEmpty();
  }

  @Test
  void opensOnlyWhenAContainerHasStarted() {
    gate.close(Part.ENGINE, List.of(), "no bridge");
    assertThat(gate.whyClosed(Part.ENGINE)).contains("no bridge");
    enginePrevents("still no bridge");
    gate.round();
    assertThat(gate.whyClosed(Part.ENGINE)).contains("still no bridge");
    engine.startFault(Optional.empty());
    gate.round();
    assertThat(gate.whyClosed(Part.ENGINE)).isEmpty();
    assertThat(engine.tries()).containsExactly(List.of(), List.of());
  }

  @Test
  void theGpusAreTriedWithTheGpusThatWereRefused() {
    gate.close(Part.GPUS, GPU, "no driver");
    assertThat(gate.whyClosed(Part.ENGINE)).isEmpty();
    assertThat(gate.whyClosed(Part.GPUS)).contains("no driver");
    gate.round();
    assertThat(engine.tries()).containsExactly(List.of("GPU-a"));
    assertThat(gate.whyClosed(Part.GPUS)).isEmpty();
  }

  /** A machine that can start no container starts none without GPUs either. */
  @Test
  void aTrialWithGpusThatTheMachinePreventsClosesItForAll() {
    gate.close(Part.GPUS, GPU, "no driver");
    engine.startFault(Optional.of(new ContainerException(Kind.GPUS_UNFIT, "still no driver")));
    gate.round();
    assertThat(gate.whyClosed(Part.ENGINE)).isEmpty();
    enginePrevents("no space left on device");
    gate.round();
    assertThat(gate.whyClosed(Part.ENGINE)).contains("no space left on device");
    engine.startFault(Optional.empty());
    gate.round();
    assertThat(gate.whyClosed(Part.ENGINE)).isEmpty();
    assertThat(gate.whyClosed(Part.GPUS)).isEmpty();
  }

  @Test
  void aDoubtClosesItOnlyIfTheTrialFails() {
    gate.doubt(Part.ENGINE, List.of(), "odd words");
    assertThat(gate.whyClosed(Part.ENGINE)).isEmpty();
    gate.round();
    gate.round();
    assertThat(engine.tries()).hasSize(1);
    gate.doubt(Part.ENGINE, List.of(), "odd words");
    enginePrevents("no space left on device");
    gate.round();
    assertThat(gate.whyClosed(Part.ENGINE)).contains("no space left on device");
  }

  @Test
  void aDoubtDoesNotOpenWhatIsClosed() {
    gate.close(Part.ENGINE, List.of(), "no bridge");
    gate.doubt(Part.ENGINE, List.of(), "odd words");
    assertThat(gate.whyClosed(Part.ENGINE)).contains("no bridge");
  }

  @Test
  void aTrialDoesNotAnswerForAStartThatFailsMeanwhile() {
    gate.close(Part.ENGINE, List.of(), "no bridge");
    engine.duringTry(() -> gate.close(Part.ENGINE, List.of(), "no bridge again"));
    gate.round();
    assertThat(gate.whyClosed(Part.ENGINE)).contains("no bridge again");
    engine.duringTry(() -> {});
    gate.round();
    assertThat(gate.whyClosed(Part.ENGINE)).isEmpty();
  }

  @Test
  void aFullDiskOfTheEngineClosesItWithoutATrial() {
    gate.engineDisk(Optional.of("the disk is full"));
    gate.round();
    assertThat(gate.whyClosed(Part.ENGINE)).contains("the disk is full");
    assertThat(engine.tries()).isEmpty();
    gate.engineDisk(Optional.empty());
    assertThat(gate.whyClosed(Part.ENGINE)).isEmpty();
  }
}
