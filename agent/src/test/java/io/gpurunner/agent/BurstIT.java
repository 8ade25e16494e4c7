package io.gpurunner.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonObject;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Many jobs at once on an idle machine: each does what its program does. The engine has more to do
 * than it remembers (256 events), starts one container after another, and removes them slowly.
 */
class BurstIT {
  private static final int JOBS = 200;
  private static final int CLIENTS = 16;
  private static final Duration LIMIT = Duration.ofMinutes(10);

  @TempDir Path directory;

  @Test
  void everyJobSucceeds() throws Exception {
    try (AgentUnderTest agent =
            new AgentUnderTest(
                directory, "{ type: local }", AgentUnderTest.simulatedGpus(), "boot-1");
        ExecutorService clients = Executors.newFixedThreadPool(CLIENTS)) {
      agent.awaitReady();
      List<Future<String>> created = new ArrayList<>();
      for (int i = 0; i < JOBS; i++) {
        created.add(
            clients.submit(() -> agent.create(AgentUnderTest.body("true").put("gpuNumber", 0))));
      }
      List<String> left = new ArrayList<>();
      for (Future<String> job : created) {
        left.add(job.get());
      }
      List<String> others = new ArrayList<>();
      Awaitility.await("all jobs to end")
          .atMost(LIMIT)
          .pollInterval(Duration.ofSeconds(1))
          .until(
              () -> {
                left.removeIf(job -> hasEnded(agent.detail(job), others));
                return left.isEmpty();
              });
      assertThat(others).isEmpty();
    }
  }

  private static boolean hasEnded(JsonObject detail, List<String> others) {
    boolean failed = List.of("FAILED", "DELETED").contains(detail.getString("state"));
    if (failed) {
      others.add(detail.encode());
    }
    return failed || detail.getString("state").equals("SUCCEEDED");
  }
}
