package io.gpurunner.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.docker.PrivateEngine;
import io.gpurunner.agent.faultinjection.FaultPoints;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A user reads what a job prints, while agents and engines come and go. Real parts throughout. */
class JobLogIT {
  private static final Duration SOON = Duration.ofMinutes(3);
  private static final String WAIT = "while [ ! -e $CKPT_PATH/go ]; do sleep 0.1; done; ";
  private static final List<String> LIVE_RESTORE = List.of("--live-restore");
  private static final String END = "[gpurunner: the job has ended: SUCCEEDED]";

  /** The path is short, because a socket's path has at most 107 characters. */
  @TempDir(factory = ShortTemporaryDirectory.class)
  private Path directory;

  @SuppressWarnings("NullAway.Init") // created before each test
  private TestBridge bridge;

  @SuppressWarnings("NullAway.Init") // started before each test
  private PrivateEngine engine;

  @SuppressWarnings("NullAway.Init") // started before each test
  private AgentUnderTest agent;

  @BeforeEach
  void start() throws Exception {
    bridge = new TestBridge();
    engine = PrivateEngine.onBridge(Files.createDirectory(directory.resolve("d")), bridge.name());
    engine.start(LIVE_RESTORE);
    engine.copyImage(
        URI.create(TestEnvironment.require("DOCKER_HOST")),
        TestEnvironment.require("GPURUNNER_TEST_IMAGE"));
    agent =
        new AgentUnderTest(
            directory.resolve("agent"),
            "{ type: local }",
            AgentUnderTest.simulatedGpus(),
            engine.host().toString(),
            "boot-1",
            FaultPoints.ofThisProcess());
    agent.awaitReady();
  }

  @AfterEach
  void stop() throws Exception {
    agent.close();
    engine.close();
    bridge.delete();
  }

  private static JsonObject shell(String script) {
    return AgentUnderTest.body("/bin/sh -c '" + script + "'");
  }

  private String log(String id, String query) {
    return agent.get("/api/userJob/" + id + "/logs" + query).body();
  }

  private void awaitLog(String id, String text) {
    Awaitility.await().atMost(SOON).until(() -> log(id, "").contains(text));
  }

  private void go(String id) throws IOException {
    Files.createFile(agent.jobDirectory(id).resolve("checkpoint/go"));
  }

  private static List<String> numbers(int from, int to) {
    return IntStream.rangeClosed(from, to).mapToObj(Integer::toString).toList();
  }

  @Test
  void eachLineIsReadWhileTheJobRunsAndAfterItsEnd() throws Exception {
    String id = agent.create(shell("seq 1 5; " + WAIT + "echo err >&2; printf end"));
    awaitLog(id, "5\n");
    CompletableFuture<String> follower =
        CompletableFuture.supplyAsync(() -> log(id, "?follow=1&tail=2"));
    go(id);
    agent.awaitEnd(id, SOON);
    assertThat(follower.get(SOON.toSeconds(), TimeUnit.SECONDS).lines())
        .contains("4", "5", "err", "end", END)
        .doesNotContain("3");
    assertThat(log(id, "?stream=stderr")).isEqualTo("err\n");
    assertThat(log(id, "?stream=stdout&tail=1")).isEqualTo("end");
    assertThat(log(id, "?grep=er")).isEqualTo("err\n");
    assertThat(log(id, "?from=2&lines=2")).isEqualTo("3\n4\n");
  }

  /** Each line is there once, though it was printed while the agent was away, or the engine. */
  @Test
  void agentsAndEnginesThatComeAndGoLoseAndRepeatNothing() throws Exception {
    String steps =
        "n=1; while [ ! -e $CKPT_PATH/go ]; do echo $n; n=$((n + 1)); sleep 0.02; done; ";
    String id = agent.create(shell(steps + "echo the last was $((n - 1)); printf end"));
    awaitLog(id, "1\n");
    CompletableFuture<String> follower = CompletableFuture.supplyAsync(() -> log(id, "?follow=1"));
    for (int round = 0; round < 3; round++) {
      agent.restart("boot-1");
      engine.stop();
      engine.start(LIVE_RESTORE);
      agent.awaitReady();
      String seen = last(id);
      Awaitility.await().atMost(SOON).until(() -> !last(id).equals(seen));
    }
    go(id);
    agent.awaitEnd(id, SOON);
    List<String> lines = new ArrayList<>(log(id, "").lines().toList());
    assertThat(lines.removeLast()).isEqualTo("end");
    assertThat(lines.removeLast()).isEqualTo("the last was " + lines.size());
    assertThat(lines).isEqualTo(numbers(1, lines.size()));
    follower.exceptionally(brokenByTheRestart -> "").join();
  }

  private String last(String id) {
    return log(id, "?tail=1");
  }

  @Test
  void aQueuedJobsLogSaysWhatItWaitsForAndThenWhatItPrints() throws Exception {
    String first = agent.create(shell(WAIT).put("gpuNumber", 4));
    String id = agent.create(shell("echo hello"));
    Awaitility.await().atMost(SOON).until(() -> log(id, "").contains("0 free"));
    assertThat(log(id, "")).startsWith("[gpurunner: queued, place 1: waits for 1 ");
    CompletableFuture<String> follower = CompletableFuture.supplyAsync(() -> log(id, "?follow=1"));
    Awaitility.await()
        .atMost(SOON)
        .until(() -> Files.isDirectory(agent.jobDirectory(first).resolve("checkpoint")));
    go(first);
    assertThat(follower.get(SOON.toSeconds(), TimeUnit.SECONDS).lines())
        .startsWith(
            "[gpurunner: queued, place 1: waits for 1 × NVIDIA-GeForce-RTX-3090: 0 free, 4 held by another job]")
        .containsSubsequence("hello", END);
  }
}
