package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerSpec;
import io.gpurunner.agent.container.FakeContainerRuntime.Program;
import io.gpurunner.agent.container.docker.TestEngine;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.JobId;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests which containers of a real Docker engine are removed, and which never are. */
final class OrphansIT {
  @TempDir private Path directory;

  private final TestEngine ours = new TestEngine();
  private final TestEngine otherAgents = new TestEngine();

  @SuppressWarnings("NullAway.Init") // created before the test
  private RunHarness run;

  @BeforeEach
  void make() {
    run = new RunHarness(directory);
  }

  @AfterEach
  void close() {
    run.close();
    otherAgents.close();
    ours.close();
  }

  /** Starts a container that runs for long, for the first attempt of a job. */
  private static ContainerName start(TestEngine engine, JobId job) {
    ContainerSpec any = TestEngine.shell("sleep 3600");
    return engine.start(
        new ContainerSpec(
            new ContainerName(job, 1),
            any.image(),
            any.command(),
            Map.of(),
            List.of(),
            any.gpus(),
            any.sharedMemoryBytes()));
  }

  @Test
  void onlyContainersWithThisAgentsLabelThatBelongToNoLiveJobAreRemoved() {
    JobId live = run.submit(Requests.simple(), Program.untilSignalled());
    run.until(live, JobState.Starting.class);
    String ofLiveJob = start(ours, live).toString();
    String ofNoJob = start(ours, JobId.random()).toString();
    ContainerName before = start(ours, JobId.random());
    String renamed = "mine-" + before;
    ours.rename(before, renamed);
    String ofAnotherAgent = start(otherAgents, JobId.random()).toString();
    // Only its name looks like one of this agent's.
    String unlabelled = new ContainerName(JobId.random(), 1).toString();
    ours.startUnlabelled(unlabelled);
    List<String> all = List.of(ofLiveJob, ofNoJob, renamed, ofAnotherAgent, unlabelled);
    List<String> kept = List.of(ofLiveJob, ofAnotherAgent, unlabelled);
    assertThat(all).allMatch(ours::runs);

    Orphans orphans = new Orphans(run.ledger, ours.engine().containers(), run.clock);
    orphans.round();
    run.clock.advance(Orphans.GRACE.minusSeconds(1));
    orphans.round();
    assertThat(all).as("run during the grace period").allMatch(ours::runs);
    run.clock.advance(Duration.ofSeconds(1));
    orphans.round();
    assertThat(all).filteredOn(ours::runs).containsExactlyElementsOf(kept);

    // Later rounds do not remove the others.
    orphans.round();
    run.clock.advance(Orphans.GRACE);
    orphans.round();
    assertThat(kept).allMatch(ours::runs);
  }
}
