package io.gpurunner.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.storage.FaultProxy;
import io.gpurunner.storage.JobFolder;
import io.gpurunner.storage.ObjectKey;
import io.gpurunner.storage.S3ArtifactStore;
import io.gpurunner.storage.S3Settings;
import io.gpurunner.storage.TestS3;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * An S3 server, or the network to it, fails during whole jobs. An artifact is announced only once
 * it is complete. Real Docker engine, real S3 server.
 */
class S3JobFaultsIT {
  private static final Duration SOON = Duration.ofMinutes(4);

  /** A number of bytes that ends within a part. */
  private static final long MIDST_BYTES = 5L << 20;

  /** So slow that a part of 16 MiB takes longer than 30 s, the limit of a call without data. */
  private static final long SLOW_BYTES_PER_SECOND = 448L << 10;

  @TempDir private Path directory;

  @SuppressWarnings("NullAway.Init") // created before each test
  private FaultProxy s3;

  @SuppressWarnings("NullAway.Init") // created before each test
  private CallbackReceiver callbacks;

  @SuppressWarnings("NullAway.Init") // created before each test
  private AgentUnderTest agent;

  @SuppressWarnings("NullAway.Init") // created before each test
  private S3ArtifactStore direct;

  @BeforeEach
  void start() {
    s3 = new FaultProxy(AgentUnderTest.s3Endpoint());
    callbacks = new CallbackReceiver();
    direct =
        new S3ArtifactStore(
            new S3Settings(
                Optional.of(AgentUnderTest.s3Endpoint()),
                TestEnvironment.require("GPURUNNER_TEST_S3_REGION"),
                TestEnvironment.require("GPURUNNER_TEST_S3_BUCKET"),
                true,
                Path.of(TestEnvironment.require("GPURUNNER_TEST_S3_ACCESS_KEY_FILE")),
                Path.of(TestEnvironment.require("GPURUNNER_TEST_S3_SECRET_KEY_FILE"))));
    agent =
        new AgentUnderTest(
            directory,
            AgentUnderTest.s3Store(s3.uri(), "1h"),
            AgentUnderTest.simulatedGpus(),
            "boot-1");
    agent.awaitReady();
  }

  @AfterEach
  void stop() {
    Containers containers = new Containers();
    agent.close();
    containers.ofStateDirectory(agent.config().stateDir()).forEach(containers::removeQuietly);
    direct.close();
    callbacks.close();
    s3.close();
  }

  /**
   * Creates a job that leaves 40 MiB, which are three parts, and ends when {@link #letGo} is
   * called.
   */
  private String running() {
    JsonObject body =
        AgentUnderTest.body(
            "/bin/sh -c 'dd if=/dev/urandom of=$MODEL_PATH/ds_model.bin bs=1M count=40; while [ ! -e $CKPT_PATH/go ]; do sleep 0.1; done'");
    String job = agent.create(body.put("callbackUrl", callbacks.url()));
    agent.awaitState(job, "RUNNING", SOON);
    return job;
  }

  private void letGo(String job) throws IOException {
    Files.writeString(agent.jobDirectory(job).resolve("checkpoint/go"), "");
  }

  @ParameterizedTest
  @CsvSource({
    "500, InternalError",
    "503, SlowDown",
    "403, InvalidAccessKeyId",
    "403, SignatureDoesNotMatch",
    "403, AccessDenied",
    "404, NoSuchBucket",
    "404, ''"
  })
  void aServerThatAnswersWithErrorsIsWaitedFor(int status, String code) throws Exception {
    String job = running();
    s3.answerAll(status, code);
    s3.endOpen();
    letGo(job);
    String words = ("HTTP " + status + " " + code).strip();
    awaitFailedUpload(job, words);
    assertThat(agent.detail(job).getString("reason"))
        .startsWith("artifacts could not be uploaded: ")
        .contains(words, "; it is tried again, not before ");
    assertNothingAnnounced(job);
    s3.mend();
    assertPublished(job);
  }

  @ParameterizedTest
  @CsvSource({"500, InternalError", "503, SlowDown"})
  void aServerThatBeginsToAnswerWithErrorsInTheMidstOfAnUploadIsWaitedFor(int status, String code)
      throws Exception {
    String job = running();
    s3.slowAll(SLOW_BYTES_PER_SECOND);
    s3.endOpen();
    letGo(job);
    awaitPartsOnTheirWay(job);
    s3.answerAll(status, code);
    s3.endOpen();
    awaitFailedUpload(job, "HTTP " + status + " " + code);
    assertNothingAnnounced(job);
    s3.mend();
    assertPublished(job);
  }

  @Test
  void connectionsThatAreResetInTheMidstOfEveryPartAreWaitedFor() throws Exception {
    String job = running();
    s3.resetAll(MIDST_BYTES);
    s3.endOpen();
    letGo(job);
    awaitFailedUpload(job, "put parts of " + job + "/ds_model.bin");
    assertNothingAnnounced(job);
    s3.mend();
    assertPublished(job);
  }

  @Test
  void aSlowServerIsNoFailure() throws Exception {
    String job = running();
    s3.slowAll(SLOW_BYTES_PER_SECOND);
    s3.endOpen();
    letGo(job);
    awaitPartsOnTheirWay(job);
    assertNothingAnnounced(job);
    assertPublished(job);
    assertThat(failedUploads(job)).isEmpty();
  }

  private void awaitPartsOnTheirWay(String job) {
    agent.awaitState(job, "UPLOADING", SOON);
    Awaitility.await("three parts to be half sent")
        .atMost(SOON)
        .until(() -> s3.sentBytes() > 3 * MIDST_BYTES / 2);
  }

  /** Returns the messages of the uploads that failed so far. */
  private List<String> failedUploads(String job) {
    Stream<JsonObject> events =
        agent.detail(job).getJsonArray("events").stream().map(JsonObject.class::cast);
    return events
        .filter(event -> event.getString("kind").equals("upload-failed"))
        .map(event -> event.getString("message"))
        .toList();
  }

  private void awaitFailedUpload(String job, String words) {
    Awaitility.await("an upload to fail: " + words)
        .atMost(SOON)
        .pollInterval(Duration.ofMillis(200))
        .until(() -> failedUploads(job), failed -> failed.toString().contains(words));
  }

  private void assertNothingAnnounced(String job) {
    assertThat(agent.status(job).getString("status")).isEqualTo("working");
    assertThat(agent.detail(job).getString("state")).isEqualTo("UPLOADING");
    assertThat(callbacks.about(job)).isEmpty();
    assertThat(TestS3.isThere(direct, key(job, "manifest.json"))).isFalse();
    assertThat(TestS3.isThere(direct, key(job, "ds_model.bin"))).isFalse();
  }

  private void assertPublished(String job) throws IOException {
    JsonObject ended = agent.awaitEnd(job, SOON);
    assertThat(ended.getString("status")).as(agent.detail(job).encode()).isEqualTo("success");
    assertThat(TestS3.isThere(direct, key(job, "manifest.json"))).isTrue();
    s3.mend();
    s3.endOpen();
    byte[] left = Files.readAllBytes(agent.jobDirectory(job).resolve("model/ds_model.bin"));
    assertThat(left).hasSize(40 << 20);
    assertThat(agent.fetch(ended.getString("url"))).isEqualTo(left);
    Awaitility.await("the callback").atMost(SOON).until(() -> !callbacks.about(job).isEmpty());
    assertThat(callbacks.about(job))
        .singleElement()
        .satisfies(
            callback -> assertThat(callback.body().getString("status")).isEqualTo("success"));
  }

  private static ObjectKey key(String job, String file) {
    return new ObjectKey(new JobFolder(job), file);
  }
}
