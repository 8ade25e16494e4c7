package io.gpurunner.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.CallbackReceiver.Received;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Receivers refuse the callbacks of several jobs at once, redirect them, keep them waiting, or are
 * down. Each callback is delivered in the end, under one delivery id. Real Docker engine, local
 * store.
 */
class ReceiverFaultsIT {
  private static final String FAILED_TRY =
      "the receiver may not be called, was not reached, or did not answer 2xx; next try at ";

  private static final Duration SOON = Duration.ofMinutes(3);

  @TempDir Path directory;

  private final Containers containers = new Containers();

  @SuppressWarnings("NullAway.Init") // started before each test
  private AgentUnderTest agent;

  @BeforeEach
  void start() {
    agent =
        new AgentUnderTest(directory, "{ type: local }", AgentUnderTest.simulatedGpus(), "boot-1");
    agent.awaitReady();
  }

  @AfterEach
  void stop() {
    agent.close();
    containers.ofStateDirectory(agent.config().stateDir()).forEach(containers::removeQuietly);
  }

  @Test
  void aCallbackThatIsRefusedIsTriedUntilItIsTaken() {
    try (CallbackReceiver receiver = new CallbackReceiver()) {
      receiver.answerWith(500);
      Map<String, String> jobs = endedJobs(receiver.url());
      awaitTries(receiver, jobs, 2);
      receiver.answerWith(204);
      awaitDelivered(receiver, jobs, 204);
      assertAllOtherTriesFailed(receiver, jobs);
    }
  }

  @Test
  void aRedirectIsARefusalAndItsTargetIsNotAsked() {
    try (CallbackReceiver receiver = new CallbackReceiver()) {
      receiver.redirectWith(302, "/elsewhere");
      Map<String, String> jobs = endedJobs(receiver.url());
      awaitTries(receiver, jobs, 1);
      // Some clients that do not follow 302 for a POST do follow 303, with GET.
      receiver.redirectWith(303, "/elsewhere");
      awaitTries(receiver, jobs, 2);
      receiver.answerWith(200);
      awaitDelivered(receiver, jobs, 200);
      assertAllOtherTriesFailed(receiver, jobs);
      assertThat(receiver.paths()).containsOnly("/callback");
    }
  }

  @Test
  void aReceiverThatNeverAnswersIsGivenUpAndAskedAgain() {
    try (CallbackReceiver receiver = new CallbackReceiver()) {
      receiver.neverAnswer();
      Map<String, String> jobs = endedJobs(receiver.url());
      awaitTries(receiver, jobs, 1);
      receiver.answerWith(200);
      awaitDelivered(receiver, jobs, 200);
      assertAllOtherTriesFailed(receiver, jobs);
      jobs.keySet().forEach(job -> assertThat(receiver.about(job)).hasSize(2));
    }
  }

  @Test
  void anAnswerWithoutEndCountsByItsStatusAndIsHungUpOn() {
    try (CallbackReceiver receiver = new CallbackReceiver()) {
      receiver.answerSlowlyWith(500);
      Map<String, String> jobs = endedJobs(receiver.url());
      awaitTries(receiver, jobs, 1);
      receiver.answerSlowlyWith(200);
      awaitDelivered(receiver, jobs, 200);
      assertAllOtherTriesFailed(receiver, jobs);
      await("all to be hung up on")
          .until(receiver::hungUp, hungUp -> hungUp == receiver.paths().size());
    }
  }

  @Test
  void aReceiverThatIsNotThereForLongIsFoundWhenItComes() throws Exception {
    try (Socket place = place()) {
      String url = "http://127.0.0.1:" + place.getLocalPort() + "/callback";
      Map<String, String> jobs = endedJobs(url);
      await("nobody to be found there")
          .untilAsserted(
              () -> jobs.keySet().forEach(job -> assertThat(failures(job)).isNotEmpty()));
      agent.restart("boot-1");
      try (CallbackReceiver receiver = new CallbackReceiver(place.getLocalPort())) {
        assertThat(receiver.url()).isEqualTo(url);
        receiver.answerWith(503);
        awaitTries(receiver, jobs, 1);
        agent.restart("boot-1");
        receiver.answerWith(200);
        awaitDelivered(receiver, jobs, 200);
        for (String job : jobs.keySet()) {
          assertThat(failures(job).getFirst()).startsWith(FAILED_TRY);
          assertThat(receiver.about(job)).hasSizeGreaterThan(1);
        }
      }
    }
  }

  /**
   * Reserves a port on which nobody listens: the system gives it to no other program. A receiver
   * can listen on it later, because of SO_REUSEADDR.
   */
  private static Socket place() throws IOException {
    Socket place = new Socket();
    place.setReuseAddress(true);
    place.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    return place;
  }

  /**
   * Creates three jobs, waits for their ends, and returns the status that each callback must have.
   */
  private Map<String, String> endedJobs(String callbackUrl) {
    Map<String, String> jobs = new LinkedHashMap<>();
    jobs.put(
        create("/bin/sh -c 'echo weights > $MODEL_PATH/ds_model.bin'", callbackUrl), "success");
    jobs.put(create("false", callbackUrl), "fail");
    jobs.put(create("true", callbackUrl), "success");
    jobs.forEach(
        (job, status) ->
            assertThat(agent.awaitEnd(job, SOON).getString("status")).isEqualTo(status));
    return jobs;
  }

  private String create(String runCommand, String callbackUrl) {
    return agent.create(AgentUnderTest.body(runCommand).put("callbackUrl", callbackUrl));
  }

  private static void awaitTries(CallbackReceiver receiver, Map<String, String> jobs, int tries) {
    await(tries + " tries each")
        .untilAsserted(
            () ->
                jobs.keySet()
                    .forEach(
                        job -> assertThat(receiver.about(job)).hasSizeGreaterThanOrEqualTo(tries)));
  }

  /** Waits until all callbacks are delivered, and checks that no try comes after the delivery. */
  private void awaitDelivered(CallbackReceiver receiver, Map<String, String> jobs, int status) {
    await("all to be delivered")
        .untilAsserted(
            () ->
                jobs.keySet()
                    .forEach(
                        job ->
                            assertThat(messages(job, "callback-delivered"))
                                .containsExactly("callback answered with HTTP " + status)));
    List<String> deliveries = jobs.keySet().stream().map(job -> delivery(receiver, job)).toList();
    assertThat(deliveries).doesNotHaveDuplicates();
    jobs.forEach(
        (job, told) ->
            assertThat(receiver.about(job))
                .extracting(callback -> callback.body().getString("status"))
                .containsOnly(told));
    int requests = receiver.paths().size();
    // If a delivery was not recorded, the next agent would send it again before a later job's.
    agent.restart("boot-1");
    try (CallbackReceiver other = new CallbackReceiver()) {
      String later = create("true", other.url());
      awaitTries(other, Map.of(later, "success"), 1);
    }
    assertThat(receiver.paths()).hasSize(requests);
  }

  /** Returns the delivery id, which all tries share. */
  private static String delivery(CallbackReceiver receiver, String job) {
    List<String> all = receiver.about(job).stream().map(Received::delivery).distinct().toList();
    assertThat(all).as("deliveries about " + job).hasSize(1).doesNotContainNull();
    return all.getFirst();
  }

  /** Checks that the user reads the same sentence of each try, whatever the receiver did. */
  private void assertAllOtherTriesFailed(CallbackReceiver receiver, Map<String, String> jobs) {
    for (String job : jobs.keySet()) {
      assertThat(failures(job))
          .hasSize(receiver.about(job).size() - 1)
          .isNotEmpty()
          .allSatisfy(why -> assertThat(why).startsWith(FAILED_TRY));
    }
  }

  private List<String> failures(String job) {
    return messages(job, "callback-failed");
  }

  /** Returns the messages of one kind in the job's history. */
  private List<String> messages(String job, String kind) {
    return agent.detail(job).getJsonArray("events").stream()
        .map(JsonObject.class::cast)
        .filter(event -> kind.equals(event.getString("kind")))
        .map(event -> event.getString("message"))
        .toList();
  }

  private static ConditionFactory await(String what) {
    return Awaitility.await(what).atMost(SOON).pollInterval(Duration.ofMillis(100));
  }
}
