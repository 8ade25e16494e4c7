package io.gpurunner.agent.container.docker;

import static io.gpurunner.agent.container.ContainerRef.unrecorded;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.gpurunner.agent.container.ContainerName;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class DockerEventsIT {
  private final TestEngine engine = new TestEngine();
  private final Queue<ContainerName> hints = new ConcurrentLinkedQueue<>();

  @AfterEach
  void removeContainers() {
    engine.close();
  }

  private void awaitHint(ContainerName name) {
    await().atMost(Duration.ofSeconds(20)).until(() -> hints.contains(name));
    hints.clear();
  }

  @Test
  void startEndAndRemovalAreTold() {
    ContainerName before = engine.start(TestEngine.shell("sleep 1000"));
    engine.engine().events().listen(hints::add);
    // Containers that were there before are reported when the stream opens.
    awaitHint(before);
    ContainerName name = engine.start(TestEngine.shell("read x"));
    awaitHint(name);
    engine.awaitExit(name);
    engine.engine().containers().remove(unrecorded(name));
    awaitHint(name);
  }

  @Test
  void aListenerThatFailsHearsTheNextHint() {
    engine
        .engine()
        .events()
        .listen(
            name -> {
              hints.add(name);
              throw new IllegalStateException("a mistake of the listener");
            });
    awaitHint(engine.start(TestEngine.shell("sleep 1000")));
    awaitHint(engine.start(TestEngine.shell("sleep 1000")));
  }

  @Test
  void eventsAreToldAgainAfterTheEngineWasRestarted(@TempDir Path directory) throws IOException {
    try (PrivateEngine dockerd = new PrivateEngine(directory, directory, List.of())) {
      dockerd.copyImage(engine.connection(), TestEngine.image());
      try (TestEngine restarted = new TestEngine(dockerd.host(), GpuAccessMode.AUTO)) {
        restarted.engine().events().listen(hints::add);
        awaitHint(restarted.start(TestEngine.shell("sleep 1000")));
        dockerd.stop();
        dockerd.start(List.of());
        ContainerName name = restarted.start(TestEngine.shell("sleep 1000"));
        awaitHint(name);
        restarted
            .connection()
            .run(
                "killing it",
                CallLimits.QUICK,
                docker -> docker.killContainerCmd(name.toString()).exec());
        awaitHint(name);
      }
    }
  }

  @Test
  void anotherAgentsContainersAreNotTold() {
    engine.engine().events().listen(hints::add);
    try (TestEngine other = new TestEngine()) {
      ContainerName theirs = other.start(TestEngine.shell("true"));
      other.awaitExit(theirs);
      ContainerName ours = engine.start(TestEngine.shell("sleep 1000"));
      await().atMost(Duration.ofSeconds(20)).until(() -> hints.contains(ours));
      assertThat(hints).doesNotContain(theirs);
    }
  }
}
