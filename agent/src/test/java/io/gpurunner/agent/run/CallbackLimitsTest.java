package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.callback.CallbackResult;
import io.gpurunner.agent.callback.RetrySchedule;
import io.gpurunner.agent.container.FakeContainerRuntime.Program;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.agent.ledger.DueCallbacks;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How many callbacks are on their way at a time: here, those whose sending has not begun. */
final class CallbackLimitsTest {
  private static final int SENDING_LIMIT = 16;
  private static final int RECEIVER_LIMIT = 4;

  @TempDir Path directory;
  private final Deque<Runnable> onTheirWay = new ArrayDeque<>();

  @SuppressWarnings("NullAway.Init") // made before each test
  private RunHarness run;

  @SuppressWarnings("NullAway.Init") // made before each test
  private CallbackOutbox outbox;

  @BeforeEach
  void make() {
    run = new RunHarness(directory);
    outbox =
        new CallbackOutbox(
            run.ledger,
            _ -> new CallbackResult.Delivered(200),
            new ArtifactUrls(run.store, _ -> Optional.empty(), Duration.ofDays(7), run.clock),
            new RetrySchedule(Duration.ofDays(3), new Random(1)),
            run.clock,
            onTheirWay::add,
            _ -> {});
  }

  @AfterEach
  void close() {
    outbox.close();
    run.close();
  }

  private void owe(String host) {
    URI callback = URI.create("http://" + host + "/cb");
    run.toTheEnd(
        run.submit(
            Requests.simple().gpus(0).callback(callback),
            Program.endsAfter(Duration.ofSeconds(1), 1)));
  }

  @Test
  void soManyAreOnTheirWayAtATimeAndOneMoreForEachThatComesBack() {
    for (int receiver = 0; receiver < SENDING_LIMIT + 3; receiver++) {
      owe("receiver-" + receiver);
    }
    outbox.round();
    assertThat(onTheirWay).hasSize(SENDING_LIMIT);
    outbox.round();
    assertThat(onTheirWay).hasSize(SENDING_LIMIT);
    onTheirWay.remove().run();
    onTheirWay.remove().run();
    outbox.round();
    assertThat(onTheirWay).hasSize(SENDING_LIMIT);
    while (!onTheirWay.isEmpty()) {
      onTheirWay.remove().run();
      outbox.round();
    }
    assertThat(DueCallbacks.of(run.ledger, run.clock.instant())).isEmpty();
  }

  @Test
  void soManyAreOnTheirWayToOneReceiverAndOthersAreNotHeldUp() {
    for (int callback = 0; callback < 2 * RECEIVER_LIMIT; callback++) {
      owe("slow");
    }
    owe("other");
    outbox.round();
    assertThat(onTheirWay).hasSize(RECEIVER_LIMIT + 1);
    onTheirWay.remove().run();
    outbox.round();
    assertThat(onTheirWay).hasSize(RECEIVER_LIMIT + 1);
  }
}
