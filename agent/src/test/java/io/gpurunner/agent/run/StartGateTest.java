package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.EngineProbe.GpuAccess;
import io.gpurunner.agent.container.FakeEngineProbe;
import io.gpurunner.agent.run.StartGate.Part;
import io.gpurunner.gpu.GpuDetails;
import io.gpurunner.gpu.GpuDevice;
import io.gpurunner.gpu.GpuFact;
import io.gpurunner.gpu.GpuHealth;
import io.gpurunner.gpu.GpuUuid;
import io.gpurunner.gpu.SimulatedGpuInventory;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

final class StartGateTest {
  private static final String RTX = "NVIDIA GeForce RTX 3090";

  private final FakeEngineProbe engine = new FakeEngineProbe();
  private final UsedGpus gpus =
      new UsedGpus(new SimulatedGpuInventory(List.of(RTX, RTX), new MovableClock()));
  private final GpuUuid gpu = gpus.snapshot().devices().getFirst().uuid();
  private final GpuUuid other = gpus.snapshot().devices().getLast().uuid();
  private StartGate gate = new StartGate(engine, gpus, Runnable::run);

  private void enginePrevents(String why) {
    engine.startFault(Optional.of(new ContainerException(Kind.MACHINE_UNFIT, why)));
  }

  @Test
  void isOpenAtFirstAndTriesNothing() {
    gate.round();
    assertThat(gate.whyClosed()).isEmpty();
    assertThat(gate.whyClosed(gpu)).isEmpty();
    assertThat(engine.tries()).isEmpty();
  }

  @Test
  void opensOnlyWhenAContainerHasStarted() {
    gate.close(StartGate.ENGINE, "no bridge");
    assertThat(gate.whyClosed()).contains("no bridge");
    enginePrevents("still no bridge");
    gate.round();
    assertThat(gate.whyClosed()).contains("still no bridge");
    engine.startFault(Optional.empty());
    gate.round();
    assertThat(gate.whyClosed()).isEmpty();
    assertThat(engine.tries()).containsExactly("", "");
  }

  @Test
  void aGpuThatWasRefusedIsTriedByItself() {
    gate.close(new Part.Gpu(gpu), "no driver");
    assertThat(gate.whyClosed()).isEmpty();
    assertThat(gate.whyClosed(gpu)).contains("no driver");
    assertThat(gate.whyClosed(other)).isEmpty();
    gate.round();
    assertThat(engine.tries()).containsExactly(gpu.value());
    assertThat(gate.whyClosed(gpu)).isEmpty();
  }

  /** A machine that can start no container starts none without GPUs either. */
  @Test
  void aTrialWithGpusThatTheMachinePreventsClosesItForAll() {
    gate.close(new Part.Gpu(gpu), "no driver");
    engine.startFault(Optional.of(unfit("still no driver")));
    gate.round();
    assertThat(gate.whyClosed()).isEmpty();
    assertThat(gate.whyClosed(gpu)).contains("still no driver");
    enginePrevents("no space left on device");
    gate.round();
    assertThat(gate.whyClosed()).contains("no space left on device");
    engine.startFault(Optional.empty());
    gate.round();
    assertThat(gate.whyClosed()).isEmpty();
    assertThat(gate.whyClosed(gpu)).isEmpty();
  }

  @Test
  void aDoubtClosesItOnlyIfTheTrialFails() {
    gate.doubt(StartGate.ENGINE, "odd words");
    assertThat(gate.whyClosed()).isEmpty();
    gate.round();
    gate.round();
    assertThat(engine.tries()).hasSize(1);
    gate.doubt(StartGate.ENGINE, "odd words");
    enginePrevents("no space left on device");
    gate.round();
    assertThat(gate.whyClosed()).contains("no space left on device");
  }

  @Test
  void aDoubtDoesNotOpenWhatIsClosed() {
    gate.close(StartGate.ENGINE, "no bridge");
    gate.doubt(StartGate.ENGINE, "odd words");
    assertThat(gate.whyClosed()).contains("no bridge");
  }

  @Test
  void aTrialDoesNotAnswerForAStartThatFailsMeanwhile() {
    gate.close(StartGate.ENGINE, "no bridge");
    engine.duringTry(() -> gate.close(StartGate.ENGINE, "no bridge again"));
    gate.round();
    assertThat(gate.whyClosed()).contains("no bridge again");
    engine.duringTry(() -> {});
    gate.round();
    assertThat(gate.whyClosed()).isEmpty();
  }

  @Test
  void aFullDiskOfTheEngineClosesItWithoutATrial() {
    gate.engineDisk(Optional.of("the disk is full"));
    gate.round();
    assertThat(gate.whyClosed()).contains("the disk is full");
    assertThat(engine.tries()).isEmpty();
    gate.engineDisk(Optional.empty());
    assertThat(gate.whyClosed()).isEmpty();
  }

  private static ContainerException unfit(String why) {
    return new ContainerException(Kind.GPUS_UNFIT, why);
  }

  @Test
  void oneGpuThatIsRefusedLeavesTheOthersOpenUnlessTheyFailToo() {
    gate.closeGpus(List.of(gpu), "no such device");
    assertThat(gate.whyClosed(gpu)).contains("no such device");
    assertThat(gate.whyClosed(other)).isEmpty();
    engine.gpuFault(gpu.value(), Optional.of(unfit("no such device")));
    gate.round();
    assertThat(engine.tries()).containsExactly(gpu.value(), other.value());
    assertThat(gate.whyClosed(gpu)).isPresent();
    assertThat(gate.whyClosed(other)).isEmpty();

    engine.gpuFault(other.value(), Optional.of(unfit("version mismatch")));
    gate.closeGpus(List.of(gpu), "version mismatch");
    gate.round();
    assertThat(gate.whyClosed(other)).contains("version mismatch");
  }

  private void realGpus(GpuAccess access, String engineProcess) {
    gpus.real();
    engine.gpuAccess(access, engineProcess);
    gate = new StartGate(engine, gpus, Runnable::run);
  }

  @Test
  void aRealGpuIsClosedUntilAContainerHasSeenIt() {
    realGpus(GpuAccess.CDI, "engine-1");
    engine.gpuFault(other.value(), Optional.of(unfit("there is no /dev/nvidia1")));
    assertThat(gate.whyClosed(gpu).orElseThrow()).contains("no container has seen it yet");
    gate.round();
    assertThat(gate.whyClosed(gpu)).as("the engine was not asked yet").isPresent();
    gate.note(engine.probe());
    gate.round();
    assertThat(gate.whyClosed(gpu)).isEmpty();
    assertThat(gate.whyClosed(other)).contains("there is no /dev/nvidia1");
    int tries = engine.tries().size();
    gate.round();
    assertThat(engine.tries().subList(tries, engine.tries().size()))
        .as("what was seen is not tried again")
        .containsExactly(other.value());
  }

  @Test
  void whatWasSeenWithAnotherEngineDoesNotCount() {
    realGpus(GpuAccess.RUNTIME, "engine-1");
    gate.note(engine.probe());
    gate.round();
    assertThat(gate.whyClosed(gpu)).isEmpty();
    engine.gpuAccess(GpuAccess.RUNTIME, "engine-2");
    gate.note(engine.probe());
    assertThat(gate.whyClosed(gpu)).isPresent();
    gate.round();
    assertThat(gate.whyClosed(gpu)).isEmpty();
  }

  /** The engine said that it started the container, and one of its devices is not in it. */
  @Test
  void aGpuThatDidNotReachARunningContainerIsClosedUntilATrialSucceeds() {
    realGpus(GpuAccess.CDI, "engine-1");
    gpus.change(gpu, device -> withMinor(device, 3));
    gpus.change(other, device -> withMinor(device, 5));
    assertThatThrownBy(() -> gate.whyWithout("id", List.of(gpu)))
        .as("the engine was not asked yet")
        .isInstanceOf(ContainerException.class);
    gate.note(engine.probe());
    gate.round();
    assertThat(gate.whyWithout("id", List.of(gpu, other))).isEmpty();
    engine.loseNodes(Set.of(5));
    assertThat(gate.whyWithout("id", List.of(gpu))).isEmpty();
    assertThat(gate.whyWithout("id", List.of(gpu, other)).orElseThrow())
        .contains("started without", other.value())
        .doesNotContain(gpu.value());
    assertThat(gate.whyClosed(other)).isPresent();
    assertThat(gate.whyClosed(gpu)).isEmpty();
    gate.round();
    assertThat(gate.whyClosed(other)).isEmpty();
  }

  private static GpuDevice withMinor(GpuDevice device, long minor) {
    return device.withDetails(
        new GpuDetails(Optional.empty(), Map.of(GpuFact.MINOR, minor), List.of()));
  }

  @Test
  void withAccessNoneContainersGetNoDeviceSoNoneIsTried() {
    realGpus(GpuAccess.NONE, "engine-1");
    gate.note(engine.probe());
    gate.round();
    assertThat(gate.whyClosed(gpu)).isEmpty();
    assertThat(engine.tries()).isEmpty();
  }

  @Test
  void whileNoGpuCanReachAContainerAllAreClosed() {
    realGpus(GpuAccess.CDI, "engine-1");
    engine.gpuFault(Optional.of("install the toolkit"));
    gate.note(engine.probe());
    gate.round();
    assertThat(engine.tries()).isEmpty();
    assertThat(gate.whyClosed(gpu)).contains("install the toolkit");
    assertThat(gate.whyClosed()).isEmpty();
    engine.gpuFault(Optional.empty());
    gate.note(engine.probe());
    gate.round();
    assertThat(gate.whyClosed(gpu)).isEmpty();
  }

  @Test
  void nothingIsTriedWhileTheGpusCannotBeRead() {
    realGpus(GpuAccess.CDI, "engine-1");
    gate.note(engine.probe());
    gpus.fail("the driver hangs");
    gate.round();
    assertThat(engine.tries()).isEmpty();
    assertThat(gate.whyClosed(gpu)).isPresent();
  }

  /** Otherwise a broken GPU would keep back jobs without GPUs again and again. */
  @Test
  void aGpuWhoseTrialTheMachinePreventsClosesOnlyItselfIfAnotherContainerStarts() {
    gate.close(new Part.Gpu(gpu), "no driver");
    engine.gpuFault(
        gpu.value(), Optional.of(new ContainerException(Kind.MACHINE_UNFIT, "a hook is gone")));
    gate.round();
    assertThat(gate.whyClosed()).isEmpty();
    assertThat(gate.whyClosed(gpu)).contains("a hook is gone");
    assertThat(engine.tries()).containsExactly(gpu.value(), "");
  }

  @Test
  void aGpuThatComesBackFromAFaultIsTriedAgain() {
    realGpus(GpuAccess.CDI, "engine-1");
    gate.note(engine.probe());
    gate.round();
    assertThat(gate.whyClosed(gpu)).isEmpty();
    gpus.fail("the driver was unloaded");
    gate.note(engine.probe());
    gpus.recover();
    assertThat(gate.whyClosed(gpu)).isPresent();
    gate.round();
    assertThat(gate.whyClosed(gpu)).isEmpty();
  }

  @Test
  void whatWasSeenByAnotherWayDoesNotCount() {
    realGpus(GpuAccess.RUNTIME, "engine-1");
    gate.note(engine.probe());
    gate.round();
    engine.gpuAccess(GpuAccess.CDI, "engine-1");
    gate.note(engine.probe());
    assertThat(gate.whyClosed(gpu)).isPresent();
  }

  /** A GPU may have been away and come back between two looks of the gate. */
  @Test
  void aGpuThatWasAwayIsTriedAgain() {
    realGpus(GpuAccess.CDI, "engine-1");
    gate.note(engine.probe());
    gate.round();
    assertThat(gate.whyClosed(gpu)).isEmpty();
    int tries = engine.tries().size();
    gate.round();
    assertThat(engine.tries()).hasSize(tries);
    gpus.change(
        gpu,
        device ->
            new GpuDevice(
                device.uuid(),
                device.ordinal(),
                device.name(),
                device.memory(),
                device.processes(),
                device.fault(),
                device.presence(),
                device.details(),
                device.health(),
                Instant.EPOCH.plusSeconds(9)));
    assertThat(gate.whyClosed(gpu)).isPresent();
    assertThat(gate.whyClosed(other)).isEmpty();
    assertThat(gate.whyRefused(gpu)).as("nothing is known against it").isEmpty();
    gate.round();
    assertThat(gate.whyClosed(gpu)).isEmpty();
  }

  @Test
  void aGpuIsTriedAgainAfterAQuarantineAndNotDuringIt() {
    realGpus(GpuAccess.CDI, "engine-1");
    gate.note(engine.probe());
    gate.round();
    int tries = engine.tries().size();
    GpuHealth damaged =
        GpuHealth.HEALTHY.after(
            List.of(new GpuHealth.Sign(GpuHealth.Level.DAMAGE, "XID 48")), Instant.EPOCH);
    gpus.change(gpu, device -> device.withHealth(damaged));
    gate.round();
    assertThat(engine.tries()).hasSize(tries);
    gpus.change(
        gpu, device -> device.withHealth(damaged.after(List.of(), Instant.EPOCH.plusSeconds(1))));
    assertThat(gate.whyClosed(gpu)).isPresent();
    gate.round();
    assertThat(engine.tries()).hasSize(tries + 1);
    assertThat(gate.whyClosed(gpu)).isEmpty();
  }

  /** Eight GPUs that hang must not take eight times as long. */
  @Test
  void gpusAreTriedAtTheSameTime() {
    realGpus(GpuAccess.CDI, "engine-1");
    CountDownLatch together = new CountDownLatch(2);
    gate = new StartGate(engine, gpus, task -> Thread.ofVirtual().start(task));
    gate.note(engine.probe());
    engine.duringTry(
        () -> {
          together.countDown();
          try {
            assertThat(together.await(20, TimeUnit.SECONDS)).isTrue();
          } catch (InterruptedException e) {
            throw new AssertionError(e);
          }
        });
    gate.round();
    assertThat(gate.whyClosed(gpu)).isEmpty();
    assertThat(gate.whyClosed(other)).isEmpty();
  }
}
