package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.FakeContainerRuntime.Call;
import io.gpurunner.agent.container.FakeContainerRuntime.Moment;
import io.gpurunner.agent.container.FakeContainerRuntime.Program;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobHistory;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.JobId;
import io.gpurunner.gpu.GpuDevice;
import io.gpurunner.gpu.GpuUuid;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Starts that the engine does not make: whose fault they are, and what becomes of the job. */
final class StartFailuresTest {
  @TempDir Path directory;
  private RunHarness run;

  @BeforeEach
  void open() {
    run = new RunHarness(directory);
  }

  @AfterEach
  void close() {
    run.close();
  }

  private JobId submit() {
    return run.submit(Requests.simple(), Program.endsAfter(Duration.ofSeconds(5), 0));
  }

  private List<String> kinds(JobId id) {
    return run.ledger.history(id).stream().map(JobHistory.Line::kind).toList();
  }

  @ParameterizedTest
  @EnumSource(
      value = Call.class,
      names = {"CREATE", "START"})
  void whatTheMachinePreventsSendsTheJobBack(Call call) {
    JobId id = submit();
    run.containers.failNext(call, Kind.MACHINE_UNFIT, Moment.BEFORE_EFFECT);
    settleUntilQueuedAgain(id);
    assertThat(run.state(id)).isEqualTo(new JobState.Queued(1));
    assertThat(run.gate.whyClosed()).isPresent();
  }

  @Test
  void aJobThatTheMachinePreventsKeepsItsPlaceItsRunAndItsRetries() {
    JobId first = submit();
    run.containers.failNext(Call.START, Kind.MACHINE_UNFIT, Moment.BEFORE_EFFECT);
    settleUntilQueuedAgain(first);
    JobId second = submit();

    assertThat(run.state(first)).isEqualTo(new JobState.Queued(1));
    assertThat(run.ledger.leases()).isEmpty();
    assertThat(run.containers.list()).isEmpty();
    assertThat(kinds(first)).contains("not-started", "queued-again").doesNotContain("retry");
    // The machine can start nothing, so nothing is placed, and both say why.
    assertThat(run.whyWaiting(first).position()).isEqualTo(1);
    assertThat(run.whyWaiting(first).reason())
        .contains("can start no container", "START was made to fail");
    assertThat(run.whyWaiting(second).reason()).contains("can start no container");

    run.gate.round();
    assertThat(run.toTheEnd(first).state()).isInstanceOf(JobState.Succeeded.class);
    assertThat(run.job(first).setback()).isEmpty();
    assertThat(run.toTheEnd(second).state()).isInstanceOf(JobState.Succeeded.class);
  }

  /** Makes steps until the job came back to the queue. */
  private void settleUntilQueuedAgain(JobId id) {
    run.whenQueuedDispatch();
    for (int i = 0; i < 50 && run.job(id).setback().isEmpty(); i++) {
      run.stepOnce(id);
      run.clock.advance(Duration.ofSeconds(1));
    }
    assertThat(run.job(id).setback()).isPresent();
  }

  @Test
  void gpusThatCannotBeAttachedHoldUpOnlyJobsWithGpus() {
    JobId gpu = run.submit(Requests.simple().gpus(2), Program.endsAfter(Duration.ofSeconds(5), 0));
    run.containers.failNext(Call.START, Kind.GPUS_UNFIT, Moment.BEFORE_EFFECT);
    settleUntilQueuedAgain(gpu);
    JobId none = run.submit(Requests.simple().gpus(0), Program.endsAfter(Duration.ofSeconds(5), 0));
    assertThat(run.gate.whyClosed()).isEmpty();
    assertThat(run.toTheEnd(none).state()).isInstanceOf(JobState.Succeeded.class);
    assertThat(run.state(gpu)).isInstanceOf(JobState.Queued.class);
    run.gate.round();
    assertThat(run.engine.tries()).hasSize(3).startsWith("").doesNotHaveDuplicates();
    assertThat(run.toTheEnd(gpu).state()).isInstanceOf(JobState.Succeeded.class);
  }

  @Test
  void aGpuThatCannotBeAttachedLeavesItsJobToTheOthers() {
    JobId first = submit();
    run.containers.failNext(Call.START, Kind.GPUS_UNFIT, Moment.BEFORE_EFFECT);
    settleUntilQueuedAgain(first);
    List<GpuUuid> closed =
        run.gpus.snapshot().devices().stream()
            .map(GpuDevice::uuid)
            .filter(uuid -> run.gate.whyClosed(uuid).isPresent())
            .toList();
    assertThat(closed).hasSize(1);
    assertThat(run.toTheEnd(first).state()).isInstanceOf(JobState.Succeeded.class);
    assertThat(run.gate.whyClosed(closed.getFirst())).isPresent();
    JobId both = run.submit(Requests.simple().gpus(2), Program.endsAfter(Duration.ofSeconds(5), 0));
    run.whenQueuedDispatch();
    assertThat(run.whyWaiting(both).reason())
        .contains("1 free, 1 unfit (GPU 0 (" + closed.getFirst() + "): START was made to fail");
  }

  /** Much can happen while an image is pulled. */
  @Test
  void aGpuThatIsRefusedAfterItWasLeasedStartsNoJob() {
    JobId id = submit();
    run.until(id, JobState.Starting.class);
    GpuUuid leased = run.ledger.leases().keySet().iterator().next();
    run.gate.close(new StartGate.Part.Gpu(leased), "the driver was replaced");
    settleUntilQueuedAgain(id);
    assertThat(run.job(id).setback().orElseThrow().reason()).contains("the driver was replaced");
    assertThat(run.containers.list()).isEmpty();
    assertThat(run.toTheEnd(id).state()).isInstanceOf(JobState.Succeeded.class);
  }

  @Test
  void aFailureThatNothingExplainsIsRetriedThreeTimesAndThenTheJobs() {
    JobId id = submit();
    for (int i = 0; i < 4; i++) {
      run.containers.failNext(Call.START, Kind.FAILED, Moment.BEFORE_EFFECT);
    }
    Job ended = run.toTheEnd(id);
    assertThat(ended.state())
        .isInstanceOfSatisfying(
            JobState.Failed.class,
            failed ->
                assertThat(failed.reason())
                    .contains("START was made to fail", "(4 starts failed)"));
    assertThat(kinds(id).stream().filter("queued-again"::equals)).hasSize(3);
    assertThat(Duration.between(ended.createdAt(), run.clock.instant()))
        .isGreaterThanOrEqualTo(Duration.ofMinutes(10));
  }

  @Test
  void aJobThatStartsAtTheLastTrySucceeds() {
    JobId id = submit();
    for (int i = 0; i < 3; i++) {
      run.containers.failNext(Call.START, Kind.FAILED, Moment.BEFORE_EFFECT);
    }
    assertThat(run.toTheEnd(id).state()).isInstanceOf(JobState.Succeeded.class);
  }

  @Test
  void aFailureIsTheMachinesWhileATrialFailsToo() {
    JobId id = submit();
    run.engine.startFault(
        Optional.of(new ContainerException(Kind.FAILED, "these words nobody knows")));
    run.gate.doubt(StartGate.ENGINE, "any");
    run.whenQueuedDispatch();
    run.gate.round();
    run.containers.failNext(Call.CREATE, Kind.FAILED, Moment.BEFORE_EFFECT);
    settleUntilQueuedAgain(id);
    assertThat(run.job(id).setback().orElseThrow().unexplained()).isZero();
    assertThat(run.whyWaiting(id).reason()).contains("these words nobody knows");
  }

  /** Otherwise one job that is never started could hold up all others again and again. */
  @Test
  void aJobThatIsPreventedAgainClosesNothingUntilATrialFails() {
    JobId id = submit();
    run.containers.failNext(Call.START, Kind.MACHINE_UNFIT, Moment.BEFORE_EFFECT);
    settleUntilQueuedAgain(id);
    run.gate.round();
    assertThat(run.gate.whyClosed()).isEmpty();
    run.clock.advance(Duration.ofMinutes(1));
    run.containers.failNext(Call.START, Kind.MACHINE_UNFIT, Moment.BEFORE_EFFECT);
    run.until(id, JobState.Starting.class);
    run.until(id, JobState.Queued.class);
    assertThat(run.job(id).setback().orElseThrow().refusals()).isEqualTo(2);
    assertThat(run.gate.whyClosed()).isEmpty();
    assertThat(run.whyWaiting(id).reason()).contains("its next try at");
  }

  @Test
  void theNextRunOfAJobIsTriedAsOftenAsTheFirst() {
    JobId id =
        run.submit(Requests.simple().retries(1), Program.endsAfter(Duration.ofSeconds(5), 0));
    for (int i = 0; i < 7; i++) {
      run.containers.failNext(Call.START, Kind.FAILED, Moment.BEFORE_EFFECT);
    }
    assertThat(run.toTheEnd(id).state()).isInstanceOf(JobState.Succeeded.class);
    assertThat(kinds(id).stream().filter("queued-again"::equals)).hasSize(6);
    assertThat(kinds(id)).contains("retry");
  }

  @Test
  void aStartThatWasNotAnsweredIsWaitedOutBeforeTheRunIsCalledOff() {
    JobId id = submit();
    run.containers.failNext(Call.START, Kind.UNREACHABLE, Moment.BEFORE_EFFECT);
    run.until(id, JobState.Starting.class);
    for (int i = 0; i < 400; i++) {
      run.containers.failNext(Call.START, Kind.MACHINE_UNFIT, Moment.BEFORE_EFFECT);
    }
    Instant asked = run.clock.instant();
    settleUntilQueuedAgain(id, 400);
    run.engine.startFault(
        Optional.of(new ContainerException(Kind.MACHINE_UNFIT, "no space left on device")));
    run.gate.round();
    assertThat(run.gate.whyClosed()).contains("no space left on device");
    assertThat(Duration.between(asked, run.clock.instant()))
        .isGreaterThanOrEqualTo(RunSettings.LATE_START);
  }

  private void settleUntilQueuedAgain(JobId id, int seconds) {
    for (int i = 0; i < seconds && run.job(id).setback().isEmpty(); i++) {
      run.stepOnce(id);
      run.clock.advance(Duration.ofSeconds(1));
    }
    assertThat(run.job(id).setback()).isPresent();
  }

  @Test
  void aStartOfAnEarlierAgentIsWaitedOut() {
    JobId id = submit();
    run.until(id, JobState.Starting.class);
    run.restart("boot-1");
    for (int i = 0; i < 400; i++) {
      run.containers.failNext(Call.CREATE, Kind.MACHINE_UNFIT, Moment.BEFORE_EFFECT);
    }
    Instant began = run.clock.instant();
    settleUntilQueuedAgain(id, 400);
    assertThat(Duration.between(began, run.clock.instant()))
        .isGreaterThanOrEqualTo(RunSettings.LATE_START);
  }

  @Test
  void aContainerThatRunsAlthoughTheEngineFailedGoesOn() {
    JobId id = submit();
    run.containers.failNext(Call.START, Kind.MACHINE_UNFIT, Moment.AFTER_EFFECT);
    assertThat(run.toTheEnd(id).state()).isInstanceOf(JobState.Succeeded.class);
    assertThat(kinds(id)).doesNotContain("not-started");
  }

  @Test
  void aContainerThatIsFoundRunningAfterAllEndsTheRun() {
    JobId id = submit();
    run.containers.failNext(Call.START, Kind.MACHINE_UNFIT, Moment.BEFORE_EFFECT);
    run.until(id, JobState.Stopping.class);
    run.containers.startAgain(new ContainerName(id, 1));
    assertThat(run.toTheEnd(id).state())
        .isInstanceOfSatisfying(
            JobState.Failed.class,
            failed -> assertThat(failed.reason()).contains("whether the job ran is not known"));
  }

  @Test
  void aPullThatTheEnginesDiskCannotTakeSendsTheJobBack() {
    JobId id = submit();
    run.images.failNext("busybox", Kind.MACHINE_UNFIT, "no space left on device");
    settleUntilQueuedAgain(id);
    assertThat(run.job(id).setback().orElseThrow().reason())
        .contains("image busybox could not be pulled", "no space left on device");
    run.gate.round();
    assertThat(run.toTheEnd(id).state()).isInstanceOf(JobState.Succeeded.class);
  }

  @Test
  void aJobThatIsDeletedMeanwhileIsDeleted() {
    JobId id = submit();
    run.containers.failNext(Call.START, Kind.MACHINE_UNFIT, Moment.BEFORE_EFFECT);
    run.until(id, JobState.Stopping.class);
    run.ledger.requestDeletion(id, "ann");
    assertThat(run.toTheEnd(id).state()).isInstanceOf(JobState.Deleted.class);
  }
}
