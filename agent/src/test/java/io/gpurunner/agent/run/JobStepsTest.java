package io.gpurunner.agent.run;

import static io.gpurunner.agent.container.ContainerRef.unrecorded;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.EngineProbe.GpuAccess;
import io.gpurunner.agent.container.FakeContainerRuntime;
import io.gpurunner.agent.container.FakeContainerRuntime.Program;
import io.gpurunner.agent.container.Observation;
import io.gpurunner.agent.container.PullFault;
import io.gpurunner.agent.job.Ending;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobEvent;
import io.gpurunner.agent.job.JobHistory;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.agent.ledger.DueCallbacks;
import io.gpurunner.agent.ledger.LedgerException;
import io.gpurunner.api.JobId;
import io.gpurunner.gpu.GpuDetails;
import io.gpurunner.gpu.GpuDevice;
import io.gpurunner.gpu.GpuFact;
import io.gpurunner.gpu.GpuHealth;
import io.gpurunner.gpu.GpuProcess;
import io.gpurunner.gpu.GpuUuid;
import io.gpurunner.gpu.ProcessFacts;
import io.gpurunner.storage.StorageException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class JobStepsTest {
  private static final URI CALLBACK = URI.create("http://127.0.0.1:1/cb");

  @TempDir Path directory;

  @SuppressWarnings("NullAway.Init") // created before each test
  private RunHarness run;

  @BeforeEach
  void make() {
    run = new RunHarness(directory);
  }

  @AfterEach
  void close() {
    run.close();
  }

  private JobId running(Requests request, Program program) {
    JobId id = run.submit(request, program);
    assertThat(run.settle(id).state()).isInstanceOf(JobState.Running.class);
    return id;
  }

  private static ContainerName container(JobId id, int attempt) {
    return new ContainerName(id, attempt);
  }

  @Test
  void aJobThatEndsByItselfIsASuccessWithItsModelPublished() throws Exception {
    JobId id =
        running(Requests.simple().callback(CALLBACK), Program.endsAfter(Duration.ofMinutes(3), 0));
    run.writeModel(id, "ds_model.bin", "weights");
    Job job = run.toTheEnd(id);
    assertThat(job.state())
        .isInstanceOfSatisfying(
            JobState.Succeeded.class, done -> assertThat(done.artifact()).contains("ds_model.bin"));
    assertThat(run.stored(job, "manifest.json")).exists();
    assertThat(run.containers.list()).isEmpty();
    assertThat(run.ledger.leases()).isEmpty();
    assertThat(DueCallbacks.of(run.ledger, run.clock.instant()))
        .singleElement()
        .matches(callback -> callback.success());
    assertThat(run.keeper.journal())
        .containsExactly(
            "follow " + container(id, 1),
            "finish " + container(id, 1),
            "abandon " + container(id, 1));
  }

  @Test
  void theStopTimeCountsFromTheContainersStartAndIsASuccess() {
    JobId id =
        run.submit(
            Requests.simple().stopAfter(Duration.ofMinutes(5)),
            Program.untilSignalled().ignoringTerm());
    run.images.failNext("busybox", ContainerException.Kind.FAILED, "no route to host");
    run.settle(id);
    run.clock.advance(Duration.ofMinutes(9));
    JobState.Running started = (JobState.Running) run.until(id, JobState.Running.class).state();
    assertThat(started.deadline()).contains(started.startedAt().plus(Duration.ofMinutes(5)));
    Job done = run.toTheEnd(id);
    assertThat(done.state()).isInstanceOf(JobState.Succeeded.class);
    // The program ignores SIGTERM, so the grace period of 30 s passes, and not much more.
    Duration took =
        Duration.between(started.startedAt(), ((JobState.Succeeded) done.state()).finishedAt());
    assertThat(took).isBetween(Duration.ofSeconds(330), Duration.ofSeconds(335));
    assertThat(run.containers.journal())
        .contains("TERM " + container(id, 1), "KILL " + container(id, 1));
    assertThat(run.ledger.history(id, 100))
        .extracting(line -> line.kind() + ": " + line.message())
        .contains("stop-killed: the grace period is over: SIGKILL sent")
        .anyMatch(line -> line.startsWith("stopped: the container ended with exit code 137"));
  }

  @Test
  void anExitCodeIsAFailureWithItsReasonAndNothingIsUploaded() {
    JobId id =
        running(Requests.simple().callback(CALLBACK), Program.endsAfter(Duration.ofSeconds(3), 3));
    run.writeModel(id, "half.bin", "x");
    Job job = run.toTheEnd(id);
    assertThat(job.state())
        .isInstanceOfSatisfying(
            JobState.Failed.class,
            failed ->
                assertThat(failed.reason()).isEqualTo("the container ended with exit code 3"));
    assertThat(run.stored(job, "manifest.json")).doesNotExist();
    assertThat(run.volumes.paths(job.folder()).model().resolve("half.bin")).exists();
    assertThat(DueCallbacks.of(run.ledger, run.clock.instant()))
        .singleElement()
        .matches(callback -> !callback.success());
  }

  @Test
  void aCommandThatIsNotFoundIsNamed() {
    JobId id = running(Requests.simple(), Program.endsAfter(Duration.ofSeconds(3), 127));
    run.output.print(
        container(id, 1), "[FATAL tini (7)] exec pyton failed: No such file or directory\n");
    requireFailed(
        id,
        "the container ended with exit code 127 (command not found): no directory of the image's"
            + " PATH has a program \"pyton\"");
  }

  @Test
  void outOfMemoryIsNamed() {
    JobId id =
        running(Requests.simple(), Program.endsAfter(Duration.ofSeconds(3), 0).killedForMemory());
    assertThat(run.toTheEnd(id).state())
        .isInstanceOfSatisfying(
            JobState.Failed.class, failed -> assertThat(failed.reason()).contains("out of memory"));
  }

  @Test
  void anImageThatCannotBePulledFailsInWordsOfTheAgentsOwn() {
    JobId id = run.submit(Requests.simple(), Program.untilSignalled());
    run.images.failNext("busybox", PullFault.NOT_FOUND, "the answer of a server inside");
    assertThat(run.toTheEnd(id).state())
        .isInstanceOfSatisfying(
            JobState.Failed.class,
            failed ->
                assertThat(failed.reason())
                    .isEqualTo(
                        "image busybox could not be pulled: its registry has no such image, or"
                            + " gives this machine no access to it"));
    assertThat(run.ledger.history(id).toString()).doesNotContain("a server inside");
    assertThat(run.ledger.leases()).isEmpty();
  }

  @Test
  void aRegistryThatTheRulesDoNotLetJobsUseIsNotAsked() {
    JobId id = run.submit(Requests.simple().image("registry.other/x"), Program.untilSignalled());
    assertThat(run.toTheEnd(id).state())
        .isInstanceOfSatisfying(
            JobState.Failed.class,
            failed ->
                assertThat(failed.reason())
                    .startsWith(
                        "image registry.other/x could not be pulled: this machine's rules"));
    assertThat(run.images.pulls()).isEmpty();
  }

  @Test
  void aPullIsTriedUntilItsTimeIsOverAndHoldsNoGpuMeanwhile() {
    JobId id = run.submit(Requests.simple(), Program.endsAfter(Duration.ZERO, 0));
    for (int i = 0; i < 100; i++) {
      run.images.failNext("busybox", ContainerException.Kind.FAILED, "timeout " + i);
    }
    run.until(id, JobState.Stopping.class);
    Job queued = run.until(id, JobState.Queued.class);
    assertThat(run.ledger.leases()).isEmpty();
    assertThat(run.whyWaiting(id).reason())
        .contains("its next try at", "image busybox could not be pulled: timeout 0");
    Job failed = run.toTheEnd(id);
    assertThat(failed.state())
        .isInstanceOfSatisfying(
            JobState.Failed.class, state -> assertThat(state.reason()).contains("timeout"));
    assertThat(Duration.between(queued.createdAt(), run.clock.instant()))
        .isBetween(Duration.ofMinutes(10), Duration.ofMinutes(16));
    assertThat(run.images.pulls()).hasSizeBetween(6, 12);
  }

  @Test
  void theTimeOfPullsBeginsAnewAfterOneThatSucceeds() {
    JobId id = run.submit(Requests.simple(), Program.endsAfter(Duration.ZERO, 0));
    run.images.failNext("busybox", ContainerException.Kind.FAILED, "timeout");
    assertThat(run.toTheEnd(id).state()).isInstanceOf(JobState.Succeeded.class);
    assertThat(run.job(id).setback()).isEmpty();
    assertThat(run.ledger.history(id))
        .extracting(JobHistory.Line::kind)
        .containsSubsequence("not-started", "queued-again", "image-present", "image", "started");
  }

  @Test
  void aVolumeOverItsSizeEndsTheJob() {
    JobId id = running(Requests.simple().volumes(1), Program.untilSignalled());
    run.writeModel(id, "big.bin", "x".repeat(2_000_000));
    assertThat(run.toTheEnd(id).state())
        .isInstanceOfSatisfying(
            JobState.Failed.class,
            failed ->
                assertThat(failed.reason()).startsWith("modelPath /data2 is over its size: "));
  }

  @Test
  void aVolumeOverItsSizeIsAFailureAlsoWhereTheJobEndedFirst() {
    JobId id = running(Requests.simple().volumes(1), Program.endsAfter(Duration.ofSeconds(1), 0));
    run.writeModel(id, "big.bin", "x".repeat(2_000_000));
    assertThat(run.toTheEnd(id).state()).isInstanceOf(JobState.Failed.class);
  }

  @Test
  void aStartThatIsRefusedFailsWithTheEnginesWords() {
    JobId id =
        run.submit(Requests.simple().retries(1), Program.cannotStart("exec: \"nope\": not found"));
    assertThat(run.toTheEnd(id).state())
        .isInstanceOfSatisfying(
            JobState.Failed.class, failed -> assertThat(failed.reason()).contains("not found"));
    assertThat(run.containers.list()).isEmpty();
  }

  @Test
  void retriesRunTheJobAgainUnderAnotherName() {
    JobId id =
        run.submit(Requests.simple().retries(2), Program.endsAfter(Duration.ofSeconds(1), 1));
    assertThat(run.toTheEnd(id).state())
        .isInstanceOfSatisfying(
            JobState.Failed.class,
            failed ->
                assertThat(failed.reason())
                    .isEqualTo("runs 1, 2 and 3: the container ended with exit code 1"));
    assertThat(run.containers.journal())
        .contains(
            "create " + container(id, 1),
            "create " + container(id, 2),
            "create " + container(id, 3))
        .doesNotContain("create " + container(id, 4));
  }

  @Test
  void aDeletedJobIsStoppedAndLeavesNoCallback() {
    JobId id =
        running(
            Requests.simple().callback(CALLBACK),
            Program.untilSignalled().endingAfterTerm(Duration.ofSeconds(10)));
    run.ledger.requestDeletion(id, "ann");
    run.settle(id);
    assertThat(run.ledger.leases()).as("leases are held until the container is gone").hasSize(1);
    assertThat(run.toTheEnd(id).state())
        .isInstanceOfSatisfying(
            JobState.Deleted.class, gone -> assertThat(gone.by()).isEqualTo("ann"));
    assertThat(run.ledger.leases()).isEmpty();
    assertThat(DueCallbacks.of(run.ledger, run.clock.instant())).isEmpty();
    assertThat(run.containers.list()).isEmpty();
  }

  @Test
  void aDeletionDuringTheStopReplacesTheEnding() {
    JobId id =
        running(
            Requests.simple().stopAfter(Duration.ofMinutes(1)),
            Program.untilSignalled().ignoringTerm());
    run.clock.advance(Duration.ofMinutes(1));
    assertThat(run.settle(id).state())
        .isInstanceOfSatisfying(
            JobState.Stopping.class,
            stopping -> assertThat(stopping.ending()).isEqualTo(new Ending.TimeUp()));
    run.ledger.requestDeletion(id, "ann");
    assertThat(run.toTheEnd(id).state()).isInstanceOf(JobState.Deleted.class);
  }

  @Test
  void aDeletionBeforeTheStartMakesNoContainer() {
    JobId id = run.submit(Requests.simple(), Program.untilSignalled());
    run.images.failNext("busybox", ContainerException.Kind.FAILED, "slow registry");
    run.settle(id);
    run.ledger.requestDeletion(id, "ann");
    assertThat(run.toTheEnd(id).state()).isInstanceOf(JobState.Deleted.class);
    assertThat(run.containers.journal()).isEmpty();
  }

  @Test
  void aDeletionDuringTheUploadRemovesWhatWasUploaded() {
    JobId id = running(Requests.simple(), Program.endsAfter(Duration.ofSeconds(1), 0));
    run.writeModel(id, "ds_model.bin", "weights");
    run.store.failNext(StorageException.Kind.UNAVAILABLE);
    run.until(id, JobState.Uploading.class);
    run.settle(id);
    run.ledger.requestDeletion(id, "ann");
    Job job = run.settle(id);
    assertThat(job.state()).isInstanceOf(JobState.Deleted.class);
    assertThat(run.stored(job, "ds_model.bin")).doesNotExist();
  }

  @Test
  void anUploadIsTriedUntilItsWindowIsOverAndCanBeTakenUpAgain() {
    JobId id =
        running(Requests.simple().callback(CALLBACK), Program.endsAfter(Duration.ofSeconds(1), 0));
    run.writeModel(id, "ds_model.bin", "weights");
    for (int i = 0; i < 20; i++) {
      run.store.failNext(StorageException.Kind.UNAVAILABLE);
    }
    JobState.Failed failed = (JobState.Failed) run.toTheEnd(id).state();
    assertThat(failed.uploadable()).isTrue();
    assertThat(failed.reason())
        .isEqualTo(
            "artifacts could not be uploaded: the store was made to fail; the files are kept on the"
                + " server (gpurunner retry-upload)");
    assertThat(DueCallbacks.of(run.ledger, run.clock.instant()))
        .singleElement()
        .matches(callback -> !callback.success());
    assertThat(run.stored(run.job(id), "manifest.json")).doesNotExist();

    run.store.heal();
    Instant now = run.clock.instant();
    run.ledger.apply(run.job(id), new JobEvent.UploadResumed(now, now.plusSeconds(60)));
    assertThat(run.toTheEnd(id).state())
        .isInstanceOfSatisfying(
            JobState.Succeeded.class, done -> assertThat(done.artifact()).contains("ds_model.bin"));
    assertThat(run.stored(run.job(id), "manifest.json")).exists();
    assertThat(DueCallbacks.of(run.ledger, run.clock.instant()))
        .singleElement()
        .matches(callback -> callback.success());
  }

  @Test
  void anUploadThatIsRefusedIsTriedAgainBecauseAnAdministratorMayMendThat() {
    JobId id = running(Requests.simple(), Program.endsAfter(Duration.ofSeconds(1), 0));
    run.writeModel(id, "ds_model.bin", "weights");
    run.store.failNext(StorageException.Kind.REFUSED);
    assertThat(run.toTheEnd(id).state()).isInstanceOf(JobState.Succeeded.class);
  }

  @Test
  void aModelDirectoryThatCannotBePublishedIsTheJobsFailureAndNotTriedAgain() throws Exception {
    JobId id = running(Requests.simple(), Program.endsAfter(Duration.ofSeconds(1), 0));
    Path deep = run.volumes.paths(run.job(id).folder()).model();
    for (int level = 0; level < 250; level++) {
      deep = Files.createDirectory(deep.resolve("d"));
    }
    assertThat(run.toTheEnd(id).state())
        .isInstanceOfSatisfying(
            JobState.Failed.class,
            failed ->
                assertThat(failed.reason())
                    .contains("model directory cannot be published")
                    .contains("deeper than 200 levels")
                    .doesNotContain("store"));
  }

  @Test
  void aPathThatIsAFileInTheImageIsNamedByItsField() {
    JobId id =
        run.submit(
            Requests.simple(),
            Program.cannotStart(
                "OCI runtime create failed: error mounting \"/var/lib/gpurunner/jobs/1\" to rootfs"
                    + " at \"/data2\": mount /var/lib/gpurunner/jobs/1:/data2: not a directory"));
    assertThat(run.toTheEnd(id).state())
        .isInstanceOfSatisfying(
            JobState.Failed.class,
            failed ->
                assertThat(failed.reason())
                    .isEqualTo(
                        "the container could not be started: modelPath /data2 is a file in the"
                            + " image busybox, or lies below a file; choose another path"));
  }

  @Test
  void aContainerRemovedFromOutsideIsAFailure() {
    JobId id = running(Requests.simple(), Program.untilSignalled());
    run.containers.vanish(container(id, 1));
    assertThat(run.toTheEnd(id).state())
        .isInstanceOfSatisfying(
            JobState.Failed.class,
            failed -> assertThat(failed.reason()).contains("removed from outside"));
  }

  /** Nobody knows whether it had ended when it was removed, so the reason does not say that. */
  @Test
  void aContainerThatEndedAndWasRemovedBeforeALookIsAFailure() {
    JobId id = running(Requests.simple(), Program.endsAfter(Duration.ofSeconds(30), 0));
    run.containers.end(container(id, 1), 0, false);
    run.containers.vanish(container(id, 1));
    assertThat(run.toTheEnd(id).state())
        .isInstanceOfSatisfying(
            JobState.Failed.class,
            failed ->
                assertThat(failed.reason())
                    .isEqualTo(
                        "the container was removed from outside before the agent saw its end"));
  }

  @Test
  void anEngineThatIsDownIsWaitedFor() {
    JobId id = running(Requests.simple(), Program.endsAfter(Duration.ofSeconds(30), 0));
    run.containers.down(true);
    run.clock.advance(Duration.ofMinutes(10));
    assertThat(run.settle(id).state()).isInstanceOf(JobState.Running.class);
    run.containers.down(false);
    assertThat(run.toTheEnd(id).state()).isInstanceOf(JobState.Succeeded.class);
  }

  /** A refused look says nothing about the container. */
  @ParameterizedTest
  @CsvSource({"FAILED,false", "REFUSED,false", "FAILED,true", "REFUSED,true"})
  void aLookThatTheEngineRefusesEndsNothing(ContainerException.Kind kind, boolean made) {
    JobId id = run.submit(Requests.simple(), Program.untilSignalled());
    if (made) {
      untilMade(id);
      run.stepOnce(id);
    } else {
      run.whenQueuedDispatch();
    }
    JobState before = run.state(id);
    run.containers.failNext(
        FakeContainerRuntime.Call.INSPECT, kind, FakeContainerRuntime.Moment.BEFORE_EFFECT);
    assertThat(run.stepOnce(id)).isInstanceOf(StepOutcome.Wait.class);
    assertThat(run.state(id)).isEqualTo(before);
    assertThat(run.settle(id).state()).isInstanceOf(JobState.Running.class);
  }

  @Test
  void anEndThatNobodyHeardOfIsNoStopTimesSuccess() {
    JobId id =
        running(Requests.simple().stopAfter(Duration.ofMinutes(5)), Program.untilSignalled());
    run.clock.advance(Duration.ofMinutes(10)); // the agent was down
    run.containers.endUnheard(container(id, 1));
    assertThat(run.toTheEnd(id).state())
        .isInstanceOfSatisfying(
            JobState.Failed.class,
            failed -> assertThat(failed.reason()).contains("255", "engine died"));
  }

  /** A machine whose clock lost its battery starts with an old time. */
  @Test
  void aBootWithAClockThatIsBehindHoldsNothingUp() {
    JobId pulling = run.submit(Requests.simple(), Program.untilSignalled());
    run.images.failNext("busybox", ContainerException.Kind.FAILED, "no route to host");
    run.until(pulling, JobState.Stopping.class);
    run.until(pulling, JobState.Queued.class);
    JobId uploading = running(Requests.simple(), Program.endsAfter(Duration.ofSeconds(1), 0));
    run.store.failNext(StorageException.Kind.UNAVAILABLE);
    run.until(uploading, JobState.Uploading.class);
    run.settle(uploading);
    JobId releasing = running(Requests.simple(), Program.endsAfter(Duration.ofSeconds(1), 7));
    run.until(releasing, JobState.Stopping.class);
    while (((JobState.Stopping) run.state(releasing)).goneAt().isEmpty()) {
      run.stepOnce(releasing);
    }
    run.restart("boot-2");
    run.clock.moveTo(run.clock.instant().minus(Duration.ofDays(5_000)));
    assertThat(run.settle(pulling).state()).isInstanceOf(JobState.Running.class);
    assertThat(run.settle(uploading).state()).isInstanceOf(JobState.Succeeded.class);
    run.settle(releasing);
    run.clock.advance(RunSettings.STOP_INTERVAL);
    assertThat(run.settle(releasing).state()).isInstanceOf(JobState.Failed.class);
    assertThat(run.ledger.leases().values()).containsOnly(pulling);
  }

  @Test
  void exitCodeZeroReadAfterARebootIsNoSuccess() {
    JobId id = running(Requests.simple(), Program.untilSignalled());
    run.containers.reboot();
    run.restart("boot-2");
    assertThat(run.toTheEnd(id).state())
        .isInstanceOfSatisfying(
            JobState.Failed.class,
            failed -> assertThat(failed.reason()).isEqualTo("the host rebooted while the job ran"));
  }

  @ParameterizedTest
  @ValueSource(classes = {JobState.Stopping.class, JobState.Uploading.class})
  void whatWasNotOnDiskBeforeARebootIsNotPublished(Class<? extends JobState> state) {
    JobId id =
        running(Requests.simple().callback(CALLBACK), Program.endsAfter(Duration.ofMinutes(3), 0));
    run.writeModel(id, "ds_model.bin", "weig");
    run.until(id, state);
    run.restart("boot-2");
    Job job = run.toTheEnd(id);
    assertThat(job.state())
        .isInstanceOfSatisfying(
            JobState.Failed.class,
            failed -> {
              assertThat(failed.reason()).contains("may not be whole");
              assertThat(failed.uploadable()).isFalse();
            });
    assertThat(run.stored(job, "manifest.json")).doesNotExist();
    assertThat(DueCallbacks.of(run.ledger, run.clock.instant()))
        .singleElement()
        .matches(callback -> !callback.success());
  }

  @Test
  void whatCannotBeSyncedIsToldWithoutTheStoreThatHasNoPartInIt() throws Exception {
    JobId id = running(Requests.simple(), Program.endsAfter(Duration.ofMinutes(3), 0));
    run.until(id, JobState.Uploading.class);
    Files.delete(run.volumes.paths(run.job(id).folder()).checkpoint());
    assertThat(run.toTheEnd(id).state())
        .isInstanceOfSatisfying(
            JobState.Failed.class,
            failed -> {
              assertThat(failed.reason())
                  .startsWith("the job's files could not be written to disk: ")
                  .contains("is not on this machine any more")
                  .doesNotContain("retry-upload");
              assertThat(failed.uploadable()).isFalse();
            });
  }

  @Test
  void whatWasOnDiskBeforeARebootIsPublished() {
    JobId id = running(Requests.simple(), Program.endsAfter(Duration.ofMinutes(3), 0));
    run.writeModel(id, "ds_model.bin", "weights");
    run.until(id, JobState.Uploading.class);
    run.stepOnce(id); // synced
    run.restart("boot-2");
    assertThat(run.toTheEnd(id).state()).isInstanceOf(JobState.Succeeded.class);
  }

  @Test
  void aRebootBeforeTheContainerWasMadeIsNoFailure() {
    JobId id = run.submit(Requests.simple(), Program.endsAfter(Duration.ofMinutes(3), 0));
    run.until(id, JobState.Starting.class);
    run.restart("boot-2");
    assertThat(run.toTheEnd(id).state()).isInstanceOf(JobState.Succeeded.class);
  }

  @Test
  void aRebootAfterTheContainerWasRecordedIsAFailure() {
    JobId id = run.submit(Requests.simple(), Program.endsAfter(Duration.ofMinutes(3), 0));
    untilMade(id);
    run.restart("boot-2");
    assertThat(run.toTheEnd(id).state())
        .isInstanceOfSatisfying(
            JobState.Failed.class, failed -> assertThat(failed.reason()).contains("rebooted"));
    assertThat(run.containers.journal()).doesNotContain("start " + container(id, 1));
  }

  private void untilMade(JobId id) {
    run.until(id, JobState.Starting.class);
    while (!(run.state(id) instanceof JobState.Starting starting
        && starting.containerId().isPresent())) {
      run.stepOnce(id);
    }
  }

  @Test
  void aContainerThatVanishesBeforeItsStartWasSeenIsNotRunAgain() {
    JobId id = run.submit(Requests.simple(), Program.endsAfter(Duration.ofMinutes(3), 0));
    untilMade(id);
    assertThat(run.stepOnce(id)).isInstanceOf(StepOutcome.Again.class); // started
    run.containers.vanish(container(id, 1));
    assertThat(run.toTheEnd(id).state())
        .isInstanceOfSatisfying(
            JobState.Failed.class,
            failed -> assertThat(failed.reason()).contains("removed from outside"));
    assertThat(run.containers.journal())
        .containsOnlyOnce("create " + container(id, 1))
        .containsOnlyOnce("start " + container(id, 1));
  }

  @Test
  void aContainerThatAnEndedEngineMayHaveStartedIsNotStarted() {
    JobId id = run.submit(Requests.simple(), Program.endsAfter(Duration.ofMinutes(3), 0));
    untilMade(id);
    run.containers.startEngineAnew();
    assertThat(run.toTheEnd(id).state())
        .isInstanceOfSatisfying(
            JobState.Failed.class, failed -> assertThat(failed.reason()).contains("not known"));
    assertThat(run.containers.journal()).doesNotContain("start " + container(id, 1));
    assertThat(run.containers.list()).isEmpty();
    assertThat(run.keeper.journal()).contains("finish " + container(id, 1));
  }

  @Test
  void aContainerThatAnEndedEngineMadeIsMadeAnewWhereNobodyAskedForItsStart() {
    JobId id = run.submit(Requests.simple(), Program.endsAfter(Duration.ofMinutes(3), 0));
    run.until(id, JobState.Starting.class);
    assertThat(run.stepOnce(id)).isInstanceOf(StepOutcome.Again.class); // made
    run.containers.startEngineAnew();
    assertThat(run.toTheEnd(id).state()).isInstanceOf(JobState.Succeeded.class);
    String name = container(id, 1).toString();
    assertThat(run.containers.journal())
        .containsSubsequence("create " + name, "remove " + name, "create " + name)
        .containsOnlyOnce("start " + name);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void nothingIsMadeNorStartedWhereTheJobMovesOnAfterItWasRead(boolean made) {
    JobId id = run.submit(Requests.simple(), Program.untilSignalled());
    run.until(id, JobState.Starting.class);
    if (made) {
      untilMade(id);
    }
    Job read = run.job(id);
    List<String> before = run.containers.journal();
    run.ledger.requestDeletion(id, "ann");
    assertThatThrownBy(() -> run.step(read))
        .isInstanceOfSatisfying(
            LedgerException.class, e -> assertThat(e.kind()).isEqualTo(LedgerException.Kind.STALE));
    assertThat(run.containers.journal()).isEqualTo(before);
  }

  @Test
  void aContainerThatWasThereBeforeTheAgentMadeItFailsTheRunAndIsRemoved() {
    JobId id = run.submit(Requests.simple(), Program.untilSignalled());
    run.containers.create(RunHarness.specOf(container(id, 1)));
    run.containers.start(unrecorded(container(id, 1)));
    assertThat(run.toTheEnd(id).state())
        .isInstanceOfSatisfying(
            JobState.Failed.class,
            failed -> assertThat(failed.reason()).contains("existed before the agent created it"));
    assertThat(run.containers.list()).isEmpty();
  }

  @Test
  void aContainerFoundWhileItsRunStopsIsEndedAlsoUnderAnotherName() {
    JobId id = run.submit(Requests.simple(), Program.untilSignalled().ignoringTerm());
    run.containers.create(RunHarness.specOf(container(id, 1)));
    run.containers.start(unrecorded(container(id, 1)));
    run.until(id, JobState.Stopping.class);
    run.settle(id);
    assertThat(run.containers.journal()).endsWith("TERM " + container(id, 1));
    run.containers.rename(container(id, 1), "mine");
    run.clock.advance(Duration.ofSeconds(30));
    run.until(id, JobState.Failed.class);
    assertThat(run.containers.journal()).contains("KILL " + container(id, 1));
    assertThat(run.containers.list()).isEmpty();
  }

  @Test
  void aContainerStartedAgainOrReplacedFromOutsideIsAFailure() {
    JobId again = running(Requests.simple(), Program.untilSignalled());
    run.clock.advance(Duration.ofMinutes(1));
    run.containers.startAgain(container(again, 1));
    requireFailed(again, "started again from outside");
    JobId replaced = running(Requests.simple(), Program.untilSignalled());
    run.containers.replace(container(replaced, 1));
    requireFailed(replaced, "removed from outside");
  }

  private void requireFailed(JobId id, String reason) {
    assertThat(run.toTheEnd(id).state())
        .isInstanceOfSatisfying(
            JobState.Failed.class, failed -> assertThat(failed.reason()).contains(reason));
  }

  @Test
  void aContainerThatSomebodyRenamedIsFoundAllTheSame() {
    JobId id = run.submit(Requests.simple(), Program.endsAfter(Duration.ofMinutes(1), 0));
    run.until(id, JobState.Running.class);
    run.containers.rename(container(id, 1), "mine");
    run.clock.advance(Duration.ofMinutes(1));
    assertThat(run.toTheEnd(id).state()).isInstanceOf(JobState.Succeeded.class);
    assertThat(run.containers.list()).isEmpty();
  }

  @Test
  void whatTheEngineSaysOfAStartThatFailedIsTheReason() {
    JobId id = run.submit(Requests.simple(), Program.untilSignalled());
    run.until(id, JobState.Starting.class);
    untilMade(id);
    run.containers.failStart(container(id, 1), "the device is on fire");
    requireFailed(id, "could not be started: the device is on fire");
  }

  @Test
  void aPausedContainersTimeRunsOnAndItsUserIsTold() {
    JobId id =
        running(Requests.simple().stopAfter(Duration.ofMinutes(5)), Program.untilSignalled());
    run.containers.activity(container(id, 1), Observation.Activity.PAUSED);
    assertThat(run.stepOnce(id))
        .isInstanceOfSatisfying(
            StepOutcome.Wait.class,
            wait -> assertThat(wait.missing()).get().asString().contains("paused from outside"));
    assertThat(run.toTheEnd(id).state()).isInstanceOf(JobState.Succeeded.class);
  }

  private static GpuProcess process(int pid, String container) {
    return new GpuProcess(
        pid,
        OptionalLong.of(512L << 20),
        GpuProcess.Kind.COMPUTE,
        Optional.of(
            new ProcessFacts("python3", "bob", Optional.of(container).filter(id -> !id.isEmpty()))),
        false);
  }

  private List<String> notes(JobId id, String kind) {
    return run.ledger.history(id).stream()
        .filter(event -> event.kind().equals(kind))
        .map(JobHistory.Line::message)
        .toList();
  }

  /** A job sees at once who else uses its GPU, and each such process is in its history once. */
  @Test
  void anIntruderOnAJobsGpuIsShownAndWrittenDownOnce() {
    JobId id = running(Requests.simple(), Program.endsAfter(Duration.ofMinutes(9), 0));
    JobState.Running state = (JobState.Running) run.state(id);
    GpuUuid gpu = state.gpus().getFirst();
    run.gpus.use(gpu, process(17, state.containerId().substring(0, 12)));
    assertThat(missing(id)).as("its own process").isEmpty();
    for (String other : List.of("", "3f2a9c01d4e5")) {
      run.gpus.use(gpu, process(other.isEmpty() ? 18 : 19, other));
      assertThat(missing(id)).get().asString().contains("is also used by process 1");
      assertThat(missing(id)).isPresent();
    }
    assertThat(notes(id, "intruder"))
        .containsExactly(
            "GPU 0 ("
                + gpu
                + ") is also used by process 18 (python3 of bob, 512 MiB), which is"
                + " not of this job",
            "GPU 0 ("
                + gpu
                + ") is also used by process 19 (python3 of bob in container"
                + " 3f2a9c01d4e5, 512 MiB), which is not of this job");
    run.gpus.leave(gpu);
    assertThat(missing(id)).isEmpty();
  }

  private Optional<String> missing(JobId id) {
    return ((StepOutcome.Wait) run.stepOnce(id)).missing();
  }

  @Test
  void manyIntrudersAreAFewLinesOfHistory() {
    JobId id = running(Requests.simple(), Program.endsAfter(Duration.ofMinutes(9), 0));
    GpuUuid gpu = ((JobState.Running) run.state(id)).gpus().getFirst();
    for (int pid = 1; pid <= 100; pid++) {
      run.gpus.use(gpu, process(pid, ""));
      assertThat(missing(id)).isPresent();
    }
    assertThat(notes(id, "intruder")).hasSize(Intruders.MOST_NOTED);
  }

  /** An image can be pulled for hours. */
  @Test
  void aGpuThatWasQuarantinedSinceItWasLeasedStartsNoContainer() {
    JobId id = run.submit(Requests.simple(), Program.endsAfter(Duration.ofMinutes(3), 0));
    run.until(id, JobState.Starting.class);
    GpuUuid gpu = ((JobState.Starting) run.state(id)).gpus().getFirst();
    run.gpus.change(
        gpu,
        device ->
            device.withHealth(
                GpuHealth.HEALTHY.after(
                    List.of(new GpuHealth.Sign(GpuHealth.Level.DAMAGE, "XID 48")),
                    run.clock.instant())));
    assertThat(run.until(id, JobState.Running.class).state())
        .isInstanceOfSatisfying(
            JobState.Running.class, state -> assertThat(state.gpus()).doesNotContain(gpu));
    assertThat(run.ledger.history(id).stream().map(JobHistory.Line::message))
        .anyMatch(line -> line.contains("quarantined: XID 48"));
    assertThat(run.toTheEnd(id).state()).isInstanceOf(JobState.Succeeded.class);
  }

  /** It would compute without its GPU, and perhaps end with exit code 0. */
  @Test
  void aRunWhoseContainerDidNotGetItsGpuEndsAndSaysSo() {
    run.gpus.real();
    run.engine.gpuAccess(GpuAccess.CDI, "engine-1");
    run.restart("boot-1");
    for (GpuDevice device : run.gpus.snapshot().devices()) {
      run.gpus.change(
          device.uuid(),
          seen ->
              seen.withDetails(
                  new GpuDetails(
                      Optional.empty(), Map.of(GpuFact.MINOR, (long) seen.ordinal()), List.of())));
    }
    run.gate.note(run.engine.probe());
    run.gate.round();
    JobId good = running(Requests.simple(), Program.endsAfter(Duration.ofMinutes(3), 0));
    run.engine.loseNodes(Set.of(1));
    JobId id = run.submit(Requests.simple(), Program.endsAfter(Duration.ofMinutes(3), 0));
    run.until(id, JobState.Running.class);
    GpuUuid gpu = ((JobState.Running) run.state(id)).gpus().getFirst();
    assertThat(run.toTheEnd(id).state())
        .isInstanceOfSatisfying(
            JobState.Failed.class,
            failed ->
                assertThat(failed.reason()).contains("started without GPU 1 (" + gpu.value()));
    assertThat(run.gate.whyClosed(gpu)).isPresent();

    run.restart("boot-1"); // an agent that comes later looks at no container that runs for long
    run.engine.loseNodes(Set.of(0, 1));
    run.gate.note(run.engine.probe());
    run.clock.advance(RunSettings.EQUIPPED_LIMIT.plusSeconds(1));
    assertThat(run.toTheEnd(good).state()).isInstanceOf(JobState.Succeeded.class);
  }

  /** A user sees that the program broke, and not the machine. */
  @Test
  void aFailedRunNamesTheErrorsThatTheDriverReportedMeanwhile() {
    JobId id = running(Requests.simple(), Program.endsAfter(Duration.ofMinutes(3), 1));
    JobState.Running state = (JobState.Running) run.state(id);
    Instant before = state.startedAt().minusSeconds(1);
    Instant during = state.startedAt().plusSeconds(1);
    run.gpus.change(
        state.gpus().getFirst(),
        device ->
            device.withDetails(
                new GpuDetails(
                    Optional.empty(),
                    Map.of(),
                    List.of(
                        new GpuDetails.ReportedXid(before, 43),
                        new GpuDetails.ReportedXid(during, 31)))));
    assertThat(run.toTheEnd(id).state())
        .isInstanceOfSatisfying(
            JobState.Failed.class,
            failed ->
                assertThat(failed.reason())
                    .contains("while it ran, GPU 0 (", "reported XID 31 (")
                    .doesNotContain("XID 43"));
  }

  /** The error that ended a program is often read a moment after the program has ended. */
  @Test
  void theEndOfAFailedRunWaitsAMomentForALookAtItsGpus() {
    JobId id = running(Requests.simple(), Program.endsAfter(Duration.ofMinutes(3), 1));
    GpuUuid gpu = ((JobState.Running) run.state(id)).gpus().getFirst();
    run.gpus.stopLooking();
    run.clock.advance(Duration.ofMinutes(3));
    assertThat(run.settle(id).state()).isInstanceOf(JobState.Running.class);
    run.clock.advance(Duration.ofSeconds(1));
    GpuDetails.ReportedXid error = new GpuDetails.ReportedXid(run.clock.instant(), 31);
    run.gpus.change(
        gpu,
        device -> device.withDetails(new GpuDetails(Optional.empty(), Map.of(), List.of(error))));
    run.gpus.lookAgain();
    assertThat(run.toTheEnd(id).state())
        .isInstanceOfSatisfying(
            JobState.Failed.class, failed -> assertThat(failed.reason()).contains("XID 31"));

    JobId second = running(Requests.simple(), Program.endsAfter(Duration.ofMinutes(3), 1));
    run.gpus.stopLooking();
    run.clock.advance(Duration.ofMinutes(3).plus(RunSettings.LOOK_AFTER_EXIT));
    assertThat(run.settle(second).state()).isInstanceOf(JobState.Running.class);
    run.clock.advance(Duration.ofSeconds(1));
    assertThat(run.settle(second).state()).isNotInstanceOf(JobState.Running.class);
  }

  /** Somebody cleans up between the end and the look that the reason waits for. */
  @Test
  void anEndThatWasSeenCountsAlsoIfTheContainerIsRemovedBeforeTheReasonIsKnown() {
    JobId id = running(Requests.simple(), Program.endsAfter(Duration.ofMinutes(3), 7));
    run.gpus.stopLooking();
    run.clock.advance(Duration.ofMinutes(3));
    assertThat(run.settle(id).state()).isInstanceOf(JobState.Running.class);
    run.containers.vanish(container(id, 1));
    run.gpus.lookAgain();
    run.clock.advance(Duration.ofSeconds(1));
    assertThat(run.toTheEnd(id).state())
        .isInstanceOfSatisfying(
            JobState.Failed.class, failed -> assertThat(failed.reason()).contains("exit code 7"));
  }

  @Test
  void aContainerWithARestartPolicyIsAFailure() {
    JobId id = running(Requests.simple(), Program.untilSignalled());
    run.containers.activity(container(id, 1), Observation.Activity.RESTARTING);
    assertThat(run.toTheEnd(id).state())
        .isInstanceOfSatisfying(
            JobState.Failed.class,
            failed -> assertThat(failed.reason()).contains("restart by itself"));
  }

  private void requireStoppedWithoutLedger(JobId id) {
    run.stepWithoutLedger(id);
    assertThat(run.containers.journal()).endsWith("TERM " + container(id, 1));
    run.clock.advance(Duration.ofSeconds(30));
    run.stepWithoutLedger(id);
    assertThat(run.containers.journal()).endsWith("KILL " + container(id, 1));
  }

  @Test
  void aStopTimeIsEnforcedWhileTheLedgerCannotBeWrittenAndIsASuccessAfterwards() {
    JobId id =
        running(
            Requests.simple().stopAfter(Duration.ofMinutes(5)),
            Program.untilSignalled().ignoringTerm());
    run.clock.advance(Duration.ofMinutes(5));
    requireStoppedWithoutLedger(id);
    assertThat(run.state(id)).isInstanceOf(JobState.Running.class);
    assertThat(run.toTheEnd(id).state()).isInstanceOf(JobState.Succeeded.class);
  }

  /** The simulation found that SIGKILL was sent at once. */
  @Test
  void aStopThatIsLongOverdueBeginsWithSigtermAlsoWhileTheLedgerCannotBeWritten() {
    JobId id =
        running(
            Requests.simple().stopAfter(Duration.ofMinutes(5)),
            Program.untilSignalled().ignoringTerm());
    run.restart("boot-1");
    run.clock.advance(Duration.ofMinutes(10));
    requireStoppedWithoutLedger(id);
  }

  @Test
  void aStopTimeIsEnforcedWhereTheStartCouldNotBeRecorded() {
    Requests fiveMinutes = Requests.simple().stopAfter(Duration.ofMinutes(5));
    JobId id = run.submit(fiveMinutes, Program.untilSignalled().ignoringTerm());
    untilMade(id);
    assertThat(run.stepOnce(id)).isInstanceOf(StepOutcome.Again.class); // started
    run.clock.advance(Duration.ofMinutes(4));
    run.stepWithoutLedger(id);
    assertThat(run.containers.journal()).endsWith("start " + container(id, 1));
    run.clock.advance(Duration.ofMinutes(1));
    requireStoppedWithoutLedger(id);
    assertThat(run.state(id)).isInstanceOf(JobState.Starting.class);
    assertThat(run.toTheEnd(id).state()).isInstanceOf(JobState.Succeeded.class);
  }

  @Test
  void aDeletionIsEnforcedWhereTheStartCouldNotBeRecorded() {
    JobId id = run.submit(Requests.simple(), Program.untilSignalled());
    untilMade(id);
    assertThat(run.stepOnce(id)).isInstanceOf(StepOutcome.Again.class); // started
    run.ledger.requestDeletion(id, "ann");
    run.stepWithoutLedger(id);
    assertThat(run.containers.journal()).endsWith("TERM " + container(id, 1));
    assertThat(run.toTheEnd(id).state()).isInstanceOf(JobState.Deleted.class);
  }

  @Test
  void aStopGoesOnWhereADeletionMeanwhileCannotBeRecorded() {
    JobId id =
        running(
            Requests.simple().stopAfter(Duration.ofMinutes(5)),
            Program.untilSignalled().ignoringTerm());
    run.clock.advance(Duration.ofMinutes(5));
    assertThat(run.stepOnce(id)).isInstanceOf(StepOutcome.Advance.class); // STOPPING
    assertThat(run.stepOnce(id)).isInstanceOf(StepOutcome.Advance.class); // TERM
    run.ledger.requestDeletion(id, "ann");
    run.clock.advance(Duration.ofSeconds(30));
    run.stepWithoutLedger(id);
    assertThat(run.containers.journal()).endsWith("KILL " + container(id, 1));
    assertThat(run.toTheEnd(id).state()).isInstanceOf(JobState.Deleted.class);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 7, 90})
  void aJobsOwnGracePeriodCountsAndNotTheConfiguredOne(int seconds) {
    Duration own = Duration.ofSeconds(seconds);
    JobId id = running(Requests.simple().gracePeriod(own), Program.untilSignalled().ignoringTerm());
    run.ledger.requestDeletion(id, "ann");
    run.settle(id);
    if (!own.isZero()) {
      run.clock.advance(own.minusMillis(1));
      run.settle(id);
      assertThat(run.containers.journal()).endsWith("TERM " + container(id, 1));
      run.clock.advance(Duration.ofMillis(1));
      run.settle(id);
    }
    assertThat(run.containers.journal())
        .containsSubsequence("TERM " + container(id, 1), "KILL " + container(id, 1));
  }

  @Test
  void aGracePeriodThatWasBegunIsNotCutShortByAShorterOneConfiguredMeanwhile() {
    run.restartWithGracePeriod(Duration.ofMinutes(5));
    JobId id = running(Requests.simple(), Program.untilSignalled().ignoringTerm());
    run.ledger.requestDeletion(id, "ann");
    assertThat(run.stepOnce(id)).isInstanceOf(StepOutcome.Advance.class); // STOPPING
    assertThat(run.stepOnce(id)).isInstanceOf(StepOutcome.Advance.class); // TERM
    run.restartWithGracePeriod(Duration.ofSeconds(30));
    run.clock.advance(Duration.ofMinutes(4));
    run.stepOnce(id);
    assertThat(run.containers.journal()).endsWith("TERM " + container(id, 1));
    run.clock.advance(Duration.ofMinutes(1));
    run.stepOnce(id);
    assertThat(run.containers.journal()).endsWith("KILL " + container(id, 1));
  }

  @Test
  void aStopThatWasBegunGoesOnWhileTheLedgerCannotBeWritten() {
    JobId id = running(Requests.simple(), Program.untilSignalled().ignoringTerm());
    run.ledger.requestDeletion(id, "ann");
    assertThat(run.stepOnce(id)).isInstanceOf(StepOutcome.Advance.class); // STOPPING
    requireStoppedWithoutLedger(id);
    assertThat(run.toTheEnd(id).state()).isInstanceOf(JobState.Deleted.class);
  }

  @Test
  void aFailureThatCannotBeRecordedStopsNothing() {
    JobId id = running(Requests.simple().volumes(1), Program.untilSignalled());
    run.writeModel(id, "big.bin", "x".repeat(2_000_000));
    run.clock.advance(Duration.ofMinutes(1));
    List<String> before = run.containers.journal();
    run.stepWithoutLedger(id);
    assertThat(run.containers.journal()).isEqualTo(before);
  }

  @Test
  void aContainerStartedUnderAnEarlierBootIsAFailureWhateverItsExitCode() {
    JobId id = run.submit(Requests.simple(), Program.endsAfter(Duration.ofMinutes(3), 0));
    untilMade(id);
    assertThat(run.stepOnce(id)).isInstanceOf(StepOutcome.Again.class); // started
    run.clock.advance(Duration.ofMinutes(5));
    run.containers.reboot();
    run.restart("boot-2");
    assertThat(run.toTheEnd(id).state())
        .isInstanceOfSatisfying(
            JobState.Failed.class, failed -> assertThat(failed.reason()).contains("rebooted"));
  }

  @Test
  void anExitCodeAfterTheStopTimeIsTheStopTimesSuccessAndOneBeforeItIsNot() {
    Requests fiveMinutes = Requests.simple().stopAfter(Duration.ofMinutes(5));
    JobId after = running(fiveMinutes, Program.endsAfter(Duration.ofMinutes(6), 1));
    JobId before = running(fiveMinutes, Program.endsAfter(Duration.ofMinutes(4), 1));
    run.clock.advance(Duration.ofMinutes(10));
    run.restart("boot-1");
    assertThat(run.toTheEnd(after).state()).isInstanceOf(JobState.Succeeded.class);
    assertThat(run.toTheEnd(before).state()).isInstanceOf(JobState.Failed.class);
  }

  @ParameterizedTest
  @CsvSource({"4, FAILED", "6, SUCCEEDED"})
  void memoryThatRunsOutAfterTheStopTimeIsTheStopTimesSuccessToo(int minutes, String state) {
    JobId id =
        running(
            Requests.simple().stopAfter(Duration.ofMinutes(5)),
            Program.endsAfter(Duration.ofMinutes(minutes), 137).killedForMemory());
    run.clock.advance(Duration.ofMinutes(10));
    run.restart("boot-1");
    assertThat(run.toTheEnd(id).state().label()).isEqualTo(state);
  }

  @Test
  void outputThatCannotBeKeptHoldsTheGpusForAWhileOnly() {
    JobId id = running(Requests.simple(), Program.endsAfter(Duration.ofMinutes(3), 0));
    run.keeper.failAlways(ContainerException.Kind.FAILED);
    Job done = run.toTheEnd(id);
    assertThat(done.state()).isInstanceOf(JobState.Succeeded.class);
    assertThat(run.ledger.leases()).isEmpty();
    assertThat(run.ledger.history(id, 100))
        .extracting(JobHistory.Line::kind)
        .containsOnlyOnce("output-lost");
    assertThat(Duration.between(done.startedAt().orElseThrow(), run.clock.instant()))
        .isLessThan(Duration.ofMinutes(4).plus(RunSettings.OUTPUT_LIMIT));
    assertThat(run.keeper.limits())
        .startsWith(RunSettings.OUTPUT_LIMIT)
        .isSortedAccordingTo(Comparator.reverseOrder());
  }

  @Test
  void aDeviceThatStaysInUseIsGivenUpAfterAWhileAndNotHandedOut() {
    JobId id = running(Requests.simple().gpus(2), Program.endsAfter(Duration.ofMinutes(3), 0));
    GpuUuid used = ((JobState.Running) run.state(id)).gpus().getFirst();
    run.gpus.use(used, 4711);
    run.clock.advance(Duration.ofMinutes(3));
    Instant goneAt = ((JobState.Stopping) run.settle(id).state()).goneAt().orElseThrow();
    assertThat(run.containers.list()).isEmpty();
    run.clock.moveTo(goneAt.plus(RunSettings.RELEASE_LIMIT).minusMillis(1));
    assertThat(run.settle(id).state()).isInstanceOf(JobState.Stopping.class);
    assertThat(run.ledger.leases()).hasSize(2).containsEntry(used, id);

    run.clock.moveTo(goneAt.plus(RunSettings.RELEASE_LIMIT));
    assertThat(run.settle(id).state()).isInstanceOf(JobState.Succeeded.class);
    assertThat(run.ledger.leases()).isEmpty();
    assertThat(run.ledger.history(id, 100))
        .filteredOn(line -> line.kind().equals("released"))
        .singleElement()
        .satisfies(
            line ->
                assertThat(line.message())
                    .contains("did not come free in time", used.value(), "used by process 4711"));

    JobId next = run.submit(Requests.simple().gpus(2), Program.endsAfter(Duration.ofMinutes(3), 0));
    assertThat(run.whyWaiting(next).reason()).contains("1 free", "used by process 4711");
    assertThat(run.ledger.leases()).isEmpty();
    run.gpus.leave(used);
    assertThat(run.settle(next).state()).isInstanceOf(JobState.Running.class);
  }

  @Test
  void aDeviceThatComesFreeInTimeEndsTheLeaseAtOnce() {
    JobId id = running(Requests.simple(), Program.endsAfter(Duration.ofMinutes(3), 0));
    GpuUuid used = ((JobState.Running) run.state(id)).gpus().getFirst();
    run.gpus.use(used, 4711);
    run.clock.advance(Duration.ofMinutes(3));
    run.settle(id);
    run.clock.advance(Duration.ofSeconds(20));
    run.settle(id);
    assertThat(run.ledger.leases()).containsOnlyKeys(used);
    run.gpus.leave(used);
    run.settle(id);
    assertThat(run.ledger.leases()).isEmpty();
    assertThat(run.ledger.history(id, 100))
        .extracting(JobHistory.Line::message)
        .contains("the leases ended, and the GPUs are free");
  }

  @Test
  void devicesComeFreeThoughTheMachineWasStartedAnewWithItsClockSetBack() {
    JobId id = running(Requests.simple().gpus(1), Program.endsAfter(Duration.ofMinutes(3), 0));
    run.clock.advance(Duration.ofMinutes(5));
    while (!(run.state(id) instanceof JobState.Stopping stopping) || stopping.goneAt().isEmpty()) {
      run.stepOnce(id);
    }
    run.clock.advance(Duration.ofDays(-1));
    run.restart("boot-2");
    Instant back = run.clock.instant();
    run.toTheEnd(id);
    assertThat(run.ledger.leases()).isEmpty();
    assertThat(run.clock.instant()).isBefore(back.plus(RunSettings.RELEASE_LIMIT));
  }

  @Test
  void outputThatCannotBeKeptHoldsTheGpusForAWhileOnlyThoughTheClockWasSetBack() {
    JobId id = running(Requests.simple().gpus(1), Program.endsAfter(Duration.ofMinutes(3), 0));
    run.clock.advance(Duration.ofMinutes(5));
    assertThat(run.stepOnce(id)).isInstanceOf(StepOutcome.Advance.class); // ended
    run.keeper.failAlways(ContainerException.Kind.FAILED);
    run.containers.reboot();
    run.clock.advance(Duration.ofDays(-1));
    run.restart("boot-2");
    Instant back = run.clock.instant();
    run.toTheEnd(id);
    assertThat(run.ledger.leases()).isEmpty();
    assertThat(run.clock.instant())
        .isBefore(back.plus(RunSettings.OUTPUT_LIMIT).plus(Duration.ofMinutes(1)));
  }

  @Test
  void theTimeInWhichTheAgentWasDownDoesNotCountForTheOutput() {
    JobId id = running(Requests.simple(), Program.endsAfter(Duration.ofMinutes(3), 0));
    run.clock.advance(Duration.ofMinutes(3));
    assertThat(run.stepOnce(id)).isInstanceOf(StepOutcome.Advance.class); // ended
    run.keeper.failAlways(ContainerException.Kind.FAILED);
    run.stepOnce(id);
    run.clock.advance(RunSettings.OUTPUT_LIMIT.multipliedBy(5));
    run.restart("boot-1");
    run.stepOnce(id);
    run.clock.advance(RunSettings.OUTPUT_LIMIT.dividedBy(2));
    run.stepOnce(id);
    run.keeper.recover();
    run.toTheEnd(id);
    assertThat(run.ledger.history(id, 100))
        .extracting(JobHistory.Line::kind)
        .doesNotContain("output-lost");
    assertThat(run.keeper.journal()).contains("finish " + container(id, 1));
  }

  @Test
  void aVolumeThatCannotBeMeasuredIsNoFailureOfTheJob() throws Exception {
    JobId id = running(Requests.simple(), Program.endsAfter(Duration.ofMinutes(3), 0));
    Path model = run.volumes.paths(run.job(id).folder()).model();
    Files.delete(model);
    Files.writeString(model, "no directory");
    run.clock.advance(Duration.ofMinutes(1));
    assertThat(run.settle(id).state()).isInstanceOf(JobState.Running.class);
    Files.delete(model);
    Files.createDirectory(model);
    assertThat(run.toTheEnd(id).state()).isInstanceOf(JobState.Succeeded.class);
  }

  @Test
  void aDeadlineThatPassedWhileTheAgentWasDownIsStillASuccess() {
    JobId id =
        running(Requests.simple().stopAfter(Duration.ofMinutes(1)), Program.untilSignalled());
    run.clock.advance(Duration.ofHours(1));
    run.restart("boot-1");
    run.stepOnce(id);
    assertThat(run.state(id))
        .isInstanceOfSatisfying(
            JobState.Stopping.class,
            stopping -> assertThat(stopping.ending()).isEqualTo(new Ending.TimeUp()));
    assertThat(run.toTheEnd(id).state()).isInstanceOf(JobState.Succeeded.class);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13})
  void anAgentThatDiesAfterAnyStepGoesOnWithTheSameContainer(int steps) {
    JobId id = run.submit(Requests.simple(), Program.endsAfter(Duration.ofSeconds(5), 0));
    run.whenQueuedDispatch();
    for (int i = 0; i < steps; i++) {
      if (run.stepOnce(id) instanceof StepOutcome.Wait) {
        run.clock.advance(Duration.ofSeconds(6));
      }
    }
    run.restart("boot-1");
    assertThat(run.toTheEnd(id).state()).isInstanceOf(JobState.Succeeded.class);
    assertThat(run.containers.journal().stream().filter(line -> line.startsWith("create")))
        .hasSize(1);
    assertThat(run.containers.journal().stream().filter(line -> line.startsWith("start")))
        .hasSize(1);
    assertThat(run.ledger.leases()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"CREATE", "START", "SIGNAL", "REMOVE", "INSPECT"})
  void anEffectWhoseAnswerWasLostIsNotMadeTwice(String call) {
    for (FakeContainerRuntime.Moment moment : FakeContainerRuntime.Moment.values()) {
      JobId id =
          run.submit(Requests.simple().stopAfter(Duration.ofMinutes(1)), Program.untilSignalled());
      run.containers.failNext(
          FakeContainerRuntime.Call.valueOf(call), ContainerException.Kind.UNREACHABLE, moment);
      assertThat(run.toTheEnd(id).state()).isInstanceOf(JobState.Succeeded.class);
      assertThat(
              run.containers.journal().stream()
                  .filter(line -> line.equals("start " + container(id, 1))))
          .hasSize(1);
    }
    assertThat(run.ledger.leases()).isEmpty();
    assertThat(run.containers.list()).isEmpty();
  }

  @Test
  void aStartThatFailedAfterItsEffectIsNotPutBackIfSomebodyRemovedTheContainer() {
    JobId id = run.submit(Requests.simple(), Program.untilSignalled());
    run.containers.failNext(
        FakeContainerRuntime.Call.START,
        ContainerException.Kind.FAILED,
        FakeContainerRuntime.Moment.AFTER_EFFECT);
    run.containers.vanishOnceStarted(container(id, 1));
    assertThat(run.toTheEnd(id).state())
        .isInstanceOfSatisfying(
            JobState.Failed.class,
            failed -> assertThat(failed.reason()).contains("removed from outside"));
    assertThat(run.containers.journal()).containsOnlyOnce("start " + container(id, 1));
  }

  @Test
  void jobsWaitForDevicesAndSayWhy() {
    JobId first = running(Requests.simple().gpus(2), Program.endsAfter(Duration.ofSeconds(30), 0));
    JobId second = run.submit(Requests.simple(), Program.endsAfter(Duration.ofSeconds(1), 0));
    assertThat(run.whyWaiting(second).reason())
        .isEqualTo("waits for 1 × NVIDIA-GeForce-RTX-3090: 0 free, 2 held by another job");
    run.toTheEnd(first);
    assertThat(run.toTheEnd(second).state()).isInstanceOf(JobState.Succeeded.class);
  }
}
