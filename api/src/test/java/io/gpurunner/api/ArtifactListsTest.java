package io.gpurunner.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vertx.core.json.JsonObject;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests {@code GET /api/userJob/:id/artifacts}. */
final class ArtifactListsTest {
  private static final Caller ANN = new Caller("ann", false);

  @Test
  void listsTheFilesAndTheManifestOfTheOwnersJob() throws Exception {
    try (ApiFixture api = new ApiFixture()) {
      JobId id = api.create();
      api.jobs.artifacts = job -> published(job, "{\"files\":[{\"path\":\"模型\"}]}");

      HttpResponse<String> answer = api.get("/api/userJob/" + id + "/artifacts");

      assertThat(answer.body())
          .isEqualTo(
              ("{\"job_id\":\"%s\",\"state\":\"SUCCEEDED\",\"url\":\"https://s/data.zip\",\"files\":["
                      + "{\"name\":\"data.zip\",\"bytes\":5000000000,\"url\":\"https://s/data.zip\"},"
                      + "{\"name\":\"manifest.json\",\"url\":\"https://s/manifest.json\"}],"
                      + "\"manifest\":{\"files\":[{\"path\":\"模型\"}]}}")
                  .formatted(id));
      ErrorBody.message(api.send(api.as("bob", "/api/userJob/" + id + "/artifacts").GET()), 404);
      ErrorBody.message(api.get("/api/userJob/nonsense/artifacts"), 404);
      // The answers were sent, so there is room for others.
      for (int number = 0; number < 2 * ApiLimits.MAX_ARTIFACT_LISTS; number++) {
        assertThat(api.get("/api/userJob/" + id + "/artifacts").statusCode()).isEqualTo(200);
      }
    }
  }

  @Test
  void saysWhyThereAreNone() throws Exception {
    try (ApiFixture api = new ApiFixture()) {
      JobId id = api.create();

      assertThat(api.get("/api/userJob/" + id + "/artifacts").body())
          .isEqualTo(
              "{\"job_id\":\"%s\",\"state\":\"RUNNING\",\"files\":[],\"reason\":\"the job has not ended\"}"
                  .formatted(id));
      api.jobs.failure.set(
          new RequestRefusedException(RequestRefusedException.Kind.UNAVAILABLE, "no answer"));
      for (int number = 0; number < 2 * ApiLimits.MAX_ARTIFACT_LISTS; number++) {
        assertThat(ErrorBody.message(api.get("/api/userJob/" + id + "/artifacts"), 503))
            .isEqualTo("no answer");
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "[]", "{", "{}x", "{} {}", "{\"a\":}", "\"x\""})
  void aManifestThatIsNoObjectIsLeftOut(String manifest) {
    JsonObject answer = answerWith(manifest);

    assertThat(answer.containsKey("manifest")).isFalse();
    assertThat(answer.getString("manifestReason")).contains("not the JSON");
    assertThat(answer.getJsonArray("files")).hasSize(2);
  }

  @Test
  void aManifestThatIsNotUtf8IsLeftOut() {
    JsonObject answer = answerWith("{\"a\":\"\u00ff\"}", StandardCharsets.ISO_8859_1);

    assertThat(answer.getString("manifestReason")).contains("not the JSON");
  }

  private static JsonObject answerWith(String manifest) {
    return answerWith(manifest, StandardCharsets.UTF_8);
  }

  private static JsonObject answerWith(String manifest, Charset charset) {
    FakeJobs jobs = new FakeJobs();
    JobId id = JobId.random();
    jobs.artifacts = job -> published(job, manifest.getBytes(charset));
    jobs.stored.put(id, stored());
    return new ArtifactLists(jobs).answer(ANN, id).body().toJsonObject();
  }

  private static FakeJobs.Stored stored() {
    JobRequest request =
        switch (new JobRequestParser()
            .parse(ANN, io.vertx.core.buffer.Buffer.buffer(GuideBodies.CREATE), new FakeFacts())) {
          case JobRequestParser.Result.Accepted(JobRequest accepted, String _) -> accepted;
          case JobRequestParser.Result.Rejected rejected ->
              throw new AssertionError(rejected.message());
        };
    return new FakeJobs.Stored(ANN, request, "{}", Optional.empty());
  }

  private static JobArtifacts published(JobId id, String manifest) {
    return published(id, manifest.getBytes(StandardCharsets.UTF_8));
  }

  private static JobArtifacts published(JobId id, byte[] manifest) {
    return new JobArtifacts(
        id,
        "SUCCEEDED",
        List.of(
            new JobArtifacts.File(
                "data.zip", OptionalLong.of(5_000_000_000L), URI.create("https://s/data.zip")),
            new JobArtifacts.File(
                "manifest.json", OptionalLong.empty(), URI.create("https://s/manifest.json"))),
        Optional.empty(),
        Optional.of(ByteBuffer.wrap(manifest)),
        Optional.empty());
  }

  /** An answer whose client reads nothing is not sent. */
  @Test
  void onlySoManyAreInMemoryAtATimeAndOneOfAUser() {
    FakeJobs jobs = new FakeJobs();
    JobId id = JobId.random();
    jobs.stored.put(id, stored());
    ArtifactLists lists = new ArtifactLists(jobs);
    List<Answer> unsent = new ArrayList<>();
    for (int number = 0; number < ApiLimits.MAX_ARTIFACT_LISTS; number++) {
      unsent.add(lists.answer(new Caller("admin" + number, true), id));
    }
    assertRefused(lists, new Caller("admin0", true), id, "sent to admin0");
    assertRefused(lists, ANN, id, "4 lists of artifacts");
    assertRefused(lists, ANN, id, "4 lists of artifacts");

    unsent.getFirst().sent().run();
    assertThat(lists.answer(ANN, id).status()).isEqualTo(200);
    assertRefused(lists, new Caller("admin0", true), id, "4 lists of artifacts");
  }

  private static void assertRefused(ArtifactLists lists, Caller caller, JobId id, String words) {
    assertThatThrownBy(() -> lists.answer(caller, id))
        .isInstanceOf(RequestRefusedException.class)
        .hasMessageContaining(words);
  }
}
