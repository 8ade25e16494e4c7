package io.gpurunner.agent.cli.job;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.cli.CommandRun;
import io.gpurunner.agent.cli.FakeAgent;
import io.gpurunner.agent.cli.client.AgentOption;
import io.gpurunner.agent.cli.client.Surroundings;
import java.io.IOException;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Tests what Ctrl-C does: Java's end calls {@link JobWatch#detach}. */
@Timeout(60)
final class JobWatchTest {
  private static final String JOB = "aia1905cd8-650a-4cd9-b005-677ec3376db0";

  private final CommandRun command;
  private final JobWatch watch;

  JobWatchTest() throws IOException {
    try (FakeAgent agent = new FakeAgent()) {
      agent.answers("GET /api/userJob/" + JOB, "{\"state\":\"DELETED\"}");
      command = CommandRun.at(agent).onTerminal(80);
      Surroundings around = command.surroundings();
      watch = new JobWatch(new AgentOption().connect(around), JOB, around);
      assertThat(watch.await(Optional.empty(), Optional.empty())).isEqualTo(1);
    }
  }

  @Test
  void detachingTellsTheWayBackOnce() {
    String before = command.err();

    watch.detach();
    watch.detach();

    assertThat(command.err())
        .isEqualTo(
            before
                + "Detached, and the job goes on. See it with: gpurunner status --wait %s%n"
                    .formatted(JOB));
  }

  @Test
  void afterTheWaitNothingIsTold() {
    String before = command.err();

    watch.end();
    watch.detach();

    assertThat(command.err()).isEqualTo(before);
  }
}
