package io.gpurunner.agent.run;

import static io.gpurunner.agent.container.ContainerRef.unrecorded;
import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.FakeContainerRuntime.Call;
import io.gpurunner.agent.container.FakeContainerRuntime.Moment;
import io.gpurunner.agent.container.FakeContainerRuntime.Program;
import io.gpurunner.agent.container.LabelledContainer;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.JobId;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class OrphansTest {
  @TempDir Path directory;
  private RunHarness run;
  private Orphans orphans;

  @BeforeEach
  void make() {
    run = new RunHarness(directory);
    orphans = new Orphans(run.ledger, run.containers, run.clock);
  }

  @AfterEach
  void close() {
    run.close();
  }

  /** Creates a container that the ledger does not know, as after a restore of an older copy. */
  private ContainerName stray(JobId job, int attempt) {
    ContainerName name = new ContainerName(job, attempt);
    run.containers.create(RunHarness.specOf(name));
    run.containers.start(unrecorded(name));
    return name;
  }

  private void afterGrace() {
    orphans.round();
    run.clock.advance(Orphans.GRACE.minusSeconds(1));
    orphans.round();
    assertThat(run.containers.journal()).noneMatch(line -> line.startsWith("discard"));
    run.clock.advance(Duration.ofSeconds(1));
    orphans.round();
  }

  @Test
  void aContainerOfAJobThatIsNotKnownIsRemovedAfterTheGracePeriod() {
    ContainerName stray = stray(JobId.random(), 1);
    afterGrace();
    assertThat(run.containers.inspect(unrecorded(stray))).isEmpty();
  }

  @Test
  void aContainerOfAnotherAttemptOrOfAQueuedOrEndedJobIsRemoved() {
    JobId running = run.submit(Requests.simple(), Program.untilSignalled());
    run.until(running, JobState.Running.class);
    JobId ended = run.submit(Requests.simple(), Program.endsAfter(Duration.ZERO, 0));
    run.toTheEnd(ended);
    run.containers.imageIsMissing("none");
    JobId queued = run.submit(Requests.simple().gpus(2), Program.untilSignalled());
    ContainerName ofAnotherAttempt = stray(running, 2);
    ContainerName ofEnded = stray(ended, 1);
    ContainerName ofQueued = stray(queued, 1);
    String ofRunning = new ContainerName(running, 1).toString();
    assertThat(run.containers.list())
        .extracting(LabelledContainer::engineName)
        .containsExactlyInAnyOrder(
            ofRunning, ofAnotherAttempt.toString(), ofEnded.toString(), ofQueued.toString());
    afterGrace();
    assertThat(run.containers.list())
        .extracting(LabelledContainer::engineName)
        .containsExactly(ofRunning);
  }

  @Test
  void aContainerThatSomebodyRenamedIsRemovedWhereNoJobHasIt() {
    JobId id = run.submit(Requests.simple(), Program.untilSignalled());
    run.until(id, JobState.Running.class);
    run.containers.rename(new ContainerName(id, 1), "mine");
    run.containers.rename(stray(JobId.random(), 1), "also-mine");
    afterGrace();
    assertThat(run.containers.list())
        .extracting(LabelledContainer::engineName)
        .containsExactly("mine");
    assertThat(run.stepOnce(id)).isInstanceOf(StepOutcome.Wait.class);
  }

  @Test
  void anotherContainerOfARecordedOnesNameIsRemoved() {
    JobId id = run.submit(Requests.simple(), Program.untilSignalled());
    run.until(id, JobState.Running.class);
    ContainerName name = new ContainerName(id, 1);
    run.containers.rename(name, "mine");
    stray(id, 1);
    afterGrace();
    assertThat(run.containers.list())
        .extracting(LabelledContainer::engineName)
        .containsExactly("mine");
  }

  @Test
  void theContainerOfALiveJobStays() {
    JobId id = run.submit(Requests.simple(), Program.untilSignalled());
    run.until(id, JobState.Running.class);
    afterGrace();
    afterGrace();
    assertThat(run.containers.inspect(unrecorded(new ContainerName(id, 1)))).isPresent();
  }

  @Test
  void anEngineThatDoesNotAnswerIsAskedAgain() {
    ContainerName stray = stray(JobId.random(), 1);
    run.containers.down(true);
    orphans.round();
    run.containers.down(false);
    orphans.round();
    run.clock.advance(Orphans.GRACE);
    run.containers.failNext(Call.REMOVE, ContainerException.Kind.UNREACHABLE, Moment.BEFORE_EFFECT);
    orphans.round();
    assertThat(run.containers.inspect(unrecorded(stray))).isPresent();
    orphans.round();
    assertThat(run.containers.inspect(unrecorded(stray))).isEmpty();
  }
}
