package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.callback.CallbackDelivery;
import io.gpurunner.agent.callback.CallbackResult;
import io.gpurunner.agent.callback.CallbackSender;
import io.gpurunner.agent.callback.RetrySchedule;
import io.gpurunner.agent.container.FakeContainerRuntime.Program;
import io.gpurunner.agent.job.JobHistory;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.agent.ledger.DueCallbacks;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.agent.ledger.PendingCallback;
import io.gpurunner.agent.ledger.disk.LargeLedger;
import io.gpurunner.api.JobId;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.IntFunction;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CallbackOutboxTest {
  private static final Duration RETRY_FOR = Duration.ofDays(3);

  @TempDir Path directory;

  private final List<CallbackDelivery> sent = Collections.synchronizedList(new ArrayList<>());
  private final Deque<CallbackResult> answers = new ArrayDeque<>();

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

  @Test
  void aBootWithAClockThatIsBehindSendsWithinTheLongestPause() {
    JobId id = ended(1);
    run.restart("boot-2");
    run.clock.moveTo(run.clock.instant().minus(Duration.ofDays(5_000)));
    try (CallbackOutbox outbox = outbox()) {
      outbox.round();
      assertThat(sent).isEmpty();
      run.clock.advance(RetrySchedule.LONGEST_DELAY);
      outbox.round();
      Awaitility.await().untilAsserted(() -> assertThat(sent).hasSize(1));
      Awaitility.await()
          .untilAsserted(
              () ->
                  assertThat(run.ledger.history(id, 1))
                      .extracting(JobHistory.Line::kind)
                      .containsExactly("callback-delivered"));
    }
  }

  private CallbackOutbox outbox() {
    return outbox(
        delivery -> {
          sent.add(delivery);
          return answers.isEmpty() ? new CallbackResult.Delivered(200) : answers.remove();
        });
  }

  private CallbackOutbox outbox(CallbackSender sender) {
    return new CallbackOutbox(
        run.ledger,
        sender,
        new ArtifactUrls(run.store, _ -> Optional.empty(), Duration.ofDays(7), run.clock),
        new RetrySchedule(RETRY_FOR, new Random(1)),
        run.clock);
  }

  private JobId ended(int exitCode) {
    return ended(exitCode, URI.create("http://127.0.0.1:1/cb"));
  }

  private JobId ended(int exitCode, URI callback) {
    JobId id =
        run.submit(
            Requests.simple().callback(callback),
            Program.endsAfter(Duration.ofSeconds(1), exitCode));
    run.settle(id);
    run.writeModel(id, "ds_model.bin", "weights");
    run.toTheEnd(id);
    return id;
  }

  private Optional<Instant> nextCallback() {
    return run.ledger.callbacks().nextAfter(Instant.EPOCH);
  }

  /** Sends the callbacks that are due, as the rounds do. */
  private void sendDue(CallbackOutbox outbox) {
    for (PendingCallback callback : DueCallbacks.of(run.ledger, run.clock.instant())) {
      outbox.send(callback);
    }
  }

  @Test
  void aSuccessIsToldOnceWithAUrlOfItsModel() {
    JobId id = ended(0);
    CallbackOutbox outbox = outbox();
    sendDue(outbox);
    sendDue(outbox);
    assertThat(sent).hasSize(1);
    JsonObject body = new JsonObject(sent.getFirst().body());
    assertThat(body.getString("status")).isEqualTo("success");
    assertThat(body.getString("job_id")).isEqualTo(id.value());
    assertThat(body.getString("url")).contains("/artifacts/" + id + "/ds_model.bin?");
    assertThat(run.ledger.history(id, 1))
        .extracting(JobHistory.Line::kind)
        .containsExactly("callback-delivered");
  }

  @Test
  void itIsTriedAgainUnderTheSameIdAndAfterARestart() {
    JobId id = ended(1);
    answers.add(new CallbackResult.Rejected(500, "HTTP 500"));
    answers.add(new CallbackResult.Failed("connection refused"));
    sendDue(outbox());
    assertThat(DueCallbacks.of(run.ledger, run.clock.instant())).isEmpty();
    run.restart("boot-1");
    run.clock.moveTo(nextCallback().orElseThrow());
    sendDue(outbox());
    run.clock.moveTo(nextCallback().orElseThrow());
    sendDue(outbox());
    assertThat(sent)
        .hasSize(3)
        .extracting(CallbackDelivery::deliveryId)
        .containsOnly(sent.getFirst().deliveryId());
    assertThat(nextCallback()).isEmpty();
    assertThat(run.ledger.history(id, 100))
        .filteredOn(line -> line.kind().equals("callback-failed"))
        .hasSize(2);
  }

  /** A user must not learn from it which servers answer this machine. */
  @Test
  void theUserReadsTheSameOfEveryTryThatFailed() {
    JobId id = ended(1);
    List<CallbackResult> results =
        List.of(
            new CallbackResult.Rejected(500, "answered 500 where any 2xx was expected"),
            new CallbackResult.Failed("cannot connect to 10.0.0.9: SSH-2.0-OpenSSH_9.2"),
            new CallbackResult.Forbidden("10.0.0.9 is refused by callbacks.deny"));
    for (CallbackResult result : results) {
      answers.add(result);
      run.clock.moveTo(nextCallback().orElse(run.clock.instant()));
      sendDue(outbox());
    }
    assertThat(run.ledger.history(id, 100))
        .filteredOn(line -> line.kind().equals("callback-failed"))
        .hasSize(3)
        .extracting(line -> line.message().replaceFirst("; next try at .*", ""))
        .containsOnly(CallbackOutbox.FAILED_TRY);
  }

  @Test
  void itIsGivenUpAfterTheConfiguredTimeAndTheHistorySaysSo() {
    JobId id = ended(1);
    CallbackOutbox outbox = outbox();
    int tries = 0;
    while (nextCallback().isPresent()) {
      run.clock.moveTo(nextCallback().orElseThrow());
      answers.add(new CallbackResult.Failed("no route"));
      sendDue(outbox);
      tries++;
    }
    assertThat(tries).isBetween(20, 60);
    assertThat(run.ledger.history(id, 1))
        .extracting(JobHistory.Line::kind)
        .containsExactly("callback-abandoned");
  }

  @Test
  void aReceiverThatHangsHoldsUpNoOther() throws Exception {
    URI hanging = URI.create("http://127.0.0.1:1/hangs");
    URI sound = URI.create("http://127.0.0.2/answers");
    CountDownLatch hangUp = new CountDownLatch(1);
    CountDownLatch delivered = new CountDownLatch(1);
    CallbackSender sender =
        delivery -> {
          if (delivery.url().equals(hanging)) {
            await(hangUp);
            return new CallbackResult.Failed("hung up");
          }
          delivered.countDown();
          return new CallbackResult.Delivered(200);
        };
    for (int i = 0; i < 20; i++) {
      ended(1, hanging);
    }
    run.clock.advance(Duration.ofSeconds(1));
    ended(1, sound);
    try (CallbackOutbox outbox = outbox(sender)) {
      outbox.start();
      assertThat(delivered.await(10, TimeUnit.SECONDS)).isTrue();
      hangUp.countDown();
    }
  }

  /**
   * One receiver does not answer, and another one's callback is due after thousands of the first.
   */
  @Test
  void oneToWhichThousandsAreDueHidesNoOther() throws Exception {
    URI sound = URI.create("http://127.0.0.2/answers");
    JobId last = ended(1, sound);
    owe(
        "ann",
        20_000,
        URI.create("http://127.0.0.1:1/dead"),
        run.clock.instant().minusSeconds(100));
    List<Runnable> tries = new ArrayList<>();
    try (CallbackOutbox outbox = outbox(_ -> new CallbackResult.Failed("no route"), tries)) {
      outbox.round();
      assertThat(tries).hasSize(CallbackOutbox.RECEIVER_OF_A_USER_LIMIT + 1);
      outbox.round();
      assertThat(tries).hasSize(CallbackOutbox.RECEIVER_OF_A_USER_LIMIT + 1);
      tries.forEach(Runnable::run);
      assertThat(run.ledger.history(last, 1))
          .extracting(JobHistory.Line::kind)
          .containsExactly("callback-failed");
    }
  }

  @Test
  void noMoreAreOnTheirWayThanMayBeAndUsersTakeTurns() throws Exception {
    int receivers = CallbackOutbox.SENDING_LIMIT * 2;
    owe(
        10 * receivers,
        job -> "user-" + job / 10,
        job -> URI.create("http://host-" + job / 10 + ".example/cb"));
    Map<String, Integer> received = new TreeMap<>();
    CallbackSender sender =
        delivery -> {
          received.merge(delivery.url().getHost(), 1, Integer::sum);
          return new CallbackResult.Delivered(200);
        };
    List<Runnable> tries = new ArrayList<>();
    try (CallbackOutbox outbox = outbox(sender, tries)) {
      outbox.round();
      assertThat(tries).hasSize(CallbackOutbox.SENDING_LIMIT);
      outbox.round();
      assertThat(tries)
          .as("tries while all callbacks are on their way")
          .hasSize(CallbackOutbox.SENDING_LIMIT);
      int perReceiver = CallbackOutbox.RECEIVER_OF_A_USER_LIMIT;
      for (int sent = 0; sent < receivers * perReceiver; sent += tries.size()) {
        tries.forEach(Runnable::run);
        tries.clear();
        outbox.round();
        assertThat(tries).hasSizeLessThanOrEqualTo(CallbackOutbox.SENDING_LIMIT);
      }
      assertThat(received).hasSize(receivers);
      assertThat(received.values()).allMatch(count -> count <= 2 * perReceiver);
    }
  }

  /** One place goes to the first receiver, so the last one gets only a part of its own limit. */
  @Test
  void theLastReceiverFillsUpWhatMayBeOnItsWayAndNoMore() throws Exception {
    owe("a", 1, URI.create("http://a.example/cb"), run.clock.instant());
    owe(
        5 * CallbackOutbox.SENDING_LIMIT,
        job -> "user-" + job / 10,
        job -> URI.create("http://host-" + job / 10 + ".example/cb"));
    List<Runnable> tries = new ArrayList<>();
    try (CallbackOutbox outbox = outbox(_ -> new CallbackResult.Delivered(200), tries)) {
      outbox.round();
      assertThat(tries).hasSize(CallbackOutbox.SENDING_LIMIT);
    }
  }

  @Test
  void noMoreAreOnTheirWayToOneReceiverThanMayBe() throws Exception {
    owe(
        60,
        job -> List.of("ann", "bob", "cat").get(job / 20),
        _ -> URI.create("http://127.0.0.1:1/cb"));
    List<Runnable> tries = new ArrayList<>();
    try (CallbackOutbox outbox = outbox(_ -> new CallbackResult.Delivered(200), tries)) {
      outbox.round();
      assertThat(tries).hasSize(CallbackOutbox.RECEIVER_LIMIT);
      outbox.round();
      assertThat(tries).hasSize(CallbackOutbox.RECEIVER_LIMIT);
      tries.removeFirst().run();
      outbox.round();
      assertThat(tries).hasSize(CallbackOutbox.RECEIVER_LIMIT);
    }
  }

  /** Each port was once a receiver of its own, so that one host had as many places as it liked. */
  @Test
  void allPortsOfAHostAreOneReceiver() throws Exception {
    owe(50, _ -> "ann", job -> URI.create("http://Example.org:" + (job + 1) + "/cb"));
    owe("ann", 5, URI.create("http://example.org./cb"), run.clock.instant());
    List<Runnable> tries = new ArrayList<>();
    try (CallbackOutbox outbox = outbox(_ -> new CallbackResult.Delivered(200), tries)) {
      outbox.round();
      assertThat(tries).hasSize(CallbackOutbox.RECEIVER_OF_A_USER_LIMIT);
    }
  }

  /** The attack: thousands of callbacks that hang, to as many hosts, also to the other's own. */
  @Test
  void oneUsersHangingCallbacksHoldUpNoOther() throws Exception {
    URI shared = URI.create("http://shared.example/cb");
    owe(
        10_000,
        _ -> "flood",
        job -> job % 2 == 0 ? shared : URI.create("http://dead-" + job % 100 + ".example/cb"));
    run.clock.advance(Duration.ofSeconds(100));
    owe("polite", 1, shared, run.clock.instant());
    List<Runnable> tries = new ArrayList<>();
    List<URI> sent = new ArrayList<>();
    CallbackSender sender =
        delivery -> {
          sent.add(delivery.url());
          return new CallbackResult.Delivered(200);
        };
    try (CallbackOutbox outbox = outbox(sender, tries)) {
      outbox.round();
      outbox.round(); // none of the first has ended
      assertThat(tries).hasSize(CallbackOutbox.USER_LIMIT + 1);
      assertThat(DueCallbacks.of(run.ledger, run.clock.instant()))
          .filteredOn(callback -> callback.user().equals("polite"))
          .hasSize(1);
      tries.getLast().run(); // users come in the order of their names
      assertThat(sent).containsExactly(shared);
      assertThat(DueCallbacks.of(run.ledger, run.clock.instant()))
          .noneMatch(callback -> callback.user().equals("polite"));
    }
  }

  /** Returns an outbox whose tries wait until the test runs them. */
  private CallbackOutbox outbox(CallbackSender sender, List<Runnable> tries) {
    return new CallbackOutbox(
        run.ledger,
        sender,
        new ArtifactUrls(run.store, _ -> Optional.empty(), Duration.ofDays(7), run.clock),
        new RetrySchedule(RETRY_FOR, new Random(1)),
        run.clock,
        tries::add,
        _ -> {});
  }

  private void owe(String user, int count, URI callback, Instant endedAt) throws IOException {
    owe(count, _ -> user, _ -> callback, endedAt);
  }

  private void owe(int count, IntFunction<String> user, IntFunction<URI> callback)
      throws IOException {
    owe(count, user, callback, run.clock.instant());
  }

  private void owe(int count, IntFunction<String> user, IntFunction<URI> callback, Instant endedAt)
      throws IOException {
    run.ledger.close();
    LargeLedger.addOwing(directory.resolve("ledger"), count, user, callback, endedAt);
    run.ledger = JobLedger.open(directory.resolve("ledger"), run.clock);
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a thread here", e);
    }
  }

  @Test
  void whatWasRecordedMeanwhileIsNotRecordedTwice() {
    JobId id = ended(1);
    PendingCallback read = DueCallbacks.of(run.ledger, run.clock.instant()).getFirst();
    run.ledger.callbackDelivered(read, "HTTP 200");
    assertThat(run.ledger.callbacks().isPending(read)).isFalse();
    run.ledger.callbackPostponed(read, run.clock.instant(), "late news");
    assertThat(DueCallbacks.of(run.ledger, run.clock.instant())).isEmpty();
    assertThat(run.ledger.history(id, 1))
        .extracting(JobHistory.Line::kind)
        .containsExactly("callback-delivered");
  }

  @Test
  void theRoundsSendWhatEndsWhileTheyRun() throws Exception {
    CountDownLatch delivered = new CountDownLatch(1);
    try (CallbackOutbox outbox =
        new CallbackOutbox(
            run.ledger,
            _ -> {
              delivered.countDown();
              return new CallbackResult.Delivered(204);
            },
            new ArtifactUrls(run.store, _ -> Optional.empty(), Duration.ofDays(7), run.clock),
            new RetrySchedule(RETRY_FOR, new Random(1)),
            run.clock)) {
      outbox.start();
      ended(0);
      assertThat(delivered.await(10, TimeUnit.SECONDS)).isTrue();
    }
  }
}
