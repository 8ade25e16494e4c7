package io.gpurunner.agent;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonObject;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * An administrator configures another store. The artifacts that were published before can still be
 * fetched by the URL in the job's status. If not, the full view of the job says what to configure.
 * Real Docker engine, real S3 server.
 */
class ChangedStoreIT {
  private static final Duration SOON = Duration.ofMinutes(2);
  private static final String LOCAL = "{ type: local }";

  @TempDir private Path directory;

  private static String s3(URI endpoint, String bucket) {
    return store("s3", endpoint, ", bucket: " + bucket);
  }

  private static String store(String type, URI endpoint, String bucket) {
    return """
    { type: %s, s3: { endpoint: "%s"%s, access-key-file: %s, secret-key-file: %s } }"""
        .formatted(
            type,
            endpoint,
            bucket,
            TestEnvironment.require("GPURUNNER_TEST_S3_ACCESS_KEY_FILE"),
            TestEnvironment.require("GPURUNNER_TEST_S3_SECRET_KEY_FILE"));
  }

  /** Runs an agent with that store. */
  private void with(String store, Consumer<AgentUnderTest> life) {
    try (AgentUnderTest agent =
        new AgentUnderTest(directory, store, AgentUnderTest.simulatedGpus(), "boot-1")) {
      life.accept(agent);
      Containers containers = new Containers();
      containers.ofStateDirectory(agent.config().stateDir()).forEach(containers::removeQuietly);
    }
  }

  private String publish(String store, String text) {
    String[] job = new String[1];
    with(
        store,
        agent -> {
          agent.awaitReady();
          job[0] =
              agent.create(
                  AgentUnderTest.body(
                      "/bin/sh -c 'printf " + text + " > $MODEL_PATH/ds_model.bin'"));
          assertThat(agent.awaitEnd(job[0], SOON).getString("status")).isEqualTo("success");
          requireFetched(agent, job[0], text);
        });
    return job[0];
  }

  private static void requireFetched(AgentUnderTest agent, String job, String text) {
    JsonObject status = agent.status(job);
    assertThat(status.getString("url")).as(status.encode()).isNotNull();
    assertThat(new String(agent.fetch(status.getString("url")), UTF_8)).isEqualTo(text);
    assertThat(agent.detail(job).getString("reason")).isNull();
  }

  private static void requireOutOfReach(AgentUnderTest agent, String job, String place) {
    JsonObject status = agent.status(job);
    assertThat(status.getString("status")).isEqualTo("success");
    assertThat(status.containsKey("url")).isFalse();
    assertThat(agent.detail(job).getString("reason")).contains(place, "store.s3");
  }

  @Test
  void whatWasPublishedIsFetchedWhateverStoreIsConfiguredLater() {
    URI endpoint = AgentUnderTest.s3Endpoint();
    String bucket = TestEnvironment.require("GPURUNNER_TEST_S3_BUCKET");
    String here = publish(LOCAL, "here");
    String inBucket = publish(s3(endpoint, bucket), "in-bucket");

    with(
        s3(endpoint, "another-bucket"),
        agent -> {
          requireFetched(agent, here, "here");
          requireFetched(agent, inBucket, "in-bucket");
        });
    with(
        s3(URI.create("http://127.0.0.1:9"), bucket),
        agent -> {
          requireFetched(agent, here, "here");
          requireOutOfReach(agent, inBucket, "S3 bucket " + bucket + " at " + endpoint);
        });
    with(
        LOCAL,
        agent -> {
          requireFetched(agent, here, "here");
          requireOutOfReach(agent, inBucket, "S3 bucket " + bucket + " at " + endpoint);
        });
    with(store("local", endpoint, ""), agent -> requireFetched(agent, inBucket, "in-bucket"));
  }
}
