package io.gpurunner.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests the routes over real HTTP: the contract's sections 1, 3, 4 and 6. */
final class ApiServerTest {
  private ApiFixture api;

  @BeforeEach
  void start() throws Exception {
    api = new ApiFixture(ApiFixture.SHORT, Optional.empty());
  }

  @AfterEach
  void stop() throws Exception {
    api.close();
  }

  @Test
  void answersTheGuidesThreeRequestsAsTheGuideSays() throws Exception {
    HttpResponse<String> created = guide("/api/userJob", GuideBodies.CREATE);
    assertThat(created.statusCode()).isEqualTo(200);
    JsonObject answer = new JsonObject(created.body());
    assertThat(answer.fieldNames()).containsExactly("job_id");
    JobId id = new JobId(answer.getString("job_id"));
    assertThat(api.jobs.stored).containsOnlyKeys(id);

    HttpResponse<String> status = guide("/api/userJob/job_status", GuideBodies.jobId(id.value()));
    assertThat(status.statusCode()).isEqualTo(200);
    assertThat(status.body()).isEqualTo("{\"status\":\"working\"}");

    HttpResponse<String> deleted = guide("/api/userJob/job_del", GuideBodies.jobId(id.value()));
    assertThat(deleted.statusCode()).isEqualTo(200);
    assertThat(new JsonObject(deleted.body()))
        .isEqualTo(
            new JsonObject().put("job_id", id.value()).put("message", "the job is being stopped"));
  }

  private HttpResponse<String> guide(String path, String body)
      throws IOException, InterruptedException {
    return api.send(
        api.as("eng@example.com", path)
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(body)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "text/plain; charset=utf-16",
        "image/png",
        "nonsense"
      })
  void parsesTheBodyAsJsonWhateverItsContentType(String type) throws Exception {
    HttpResponse<String> response =
        api.send(
            api.as("ann", "/api/userJob")
                .header("Content-Type", type)
                .POST(HttpRequest.BodyPublishers.ofString(GuideBodies.CREATE)));

    assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
  }

  @Test
  void givesTheUrlOfASuccessAndOnlyThere() throws Exception {
    JobId id = api.create();
    String url = "https://store.example.com/" + id + "%2Fds_model.bin?Signature=x%3D&Expires=1";

    api.jobs.status.set(FakeJobs.success(url));
    assertThat(new JsonObject(status(id)))
        .isEqualTo(new JsonObject().put("status", "success").put("url", url));
    api.jobs.status.set(new JobStatus(JobStatus.Phase.SUCCESS, Optional.empty()));
    assertThat(status(id)).isEqualTo("{\"status\":\"success\"}");
    api.jobs.status.set(new JobStatus(JobStatus.Phase.FAIL, Optional.empty()));
    assertThat(status(id)).isEqualTo("{\"status\":\"fail\"}");
  }

  private String status(JobId id) throws IOException, InterruptedException {
    return api.post("/api/userJob/job_status", GuideBodies.jobId(id.value())).body();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{}|job_id: is required",
        "{\"job_id\":null}|job_id: is required",
        "{\"job_id\":1}|job_id: must be text, was 1",
        "{\"job_id\":[\"x\"]}|job_id: must be text, was a list",
        "[]|body: must be a JSON object, was a list",
        "x|body: must be JSON",
        "''|body: must be a JSON object, was empty"
      })
  void refusesBodiesThatNameNoJob(String body, String message) throws Exception {
    for (String path : List.of("/api/userJob/job_status", "/api/userJob/job_del")) {
      assertThat(ErrorBody.message(api.post(path, body), 400)).startsWith(message);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "ai",
        "nonsense",
        "ai00000000-0000-4000-8000-000000000000",
        "../../etc/passwd"
      })
  void knowsNoJobByAnotherText(String text) throws Exception {
    for (String path : List.of("/api/userJob/job_status", "/api/userJob/job_del")) {
      assertThat(ErrorBody.message(api.post(path, GuideBodies.jobId(text)), 404))
          .isEqualTo("job_id: there is no job \"" + text + "\"");
    }
  }

  @Test
  void hidesOtherUsersJobsButNotFromAnAdmin() throws Exception {
    JobId id = api.create();

    for (String path : List.of("/api/userJob/job_status", "/api/userJob/job_del")) {
      HttpRequest.BodyPublisher body =
          HttpRequest.BodyPublishers.ofString(GuideBodies.jobId(id.value()));
      ErrorBody.message(api.send(api.as("bob", path).POST(body)), 404);
      assertThat(
              api.send(
                      api.request(path)
                          .header("Authorization", "Bearer " + api.adminToken())
                          .POST(body))
                  .statusCode())
          .isEqualTo(200);
    }
    ErrorBody.message(api.send(api.as("bob", "/api/userJob/" + id).GET()), 404);
  }

  @Test
  void refusesAWrongRequestWithAllItsFaultsAndStoresNothing() throws Exception {
    String body =
        GuideBodies.CREATE
            .replace("\"ckptVol\": \"10000\"", "\"ckptVol\": \"10G\"")
            .replace("/data2", "/../x");

    assertThat(ErrorBody.message(api.post("/api/userJob", body), 400))
        .isEqualTo(
            "ckptVol: must be a whole number of MB, was \"10G\"; modelPath: must be an absolute"
                + " container path without '..', was \"/../x\"");
    assertThat(api.jobs.stored).isEmpty();
  }

  @Test
  void handsOnTheIdempotencyKey() throws Exception {
    api.send(
        api.as("ann", "/api/userJob")
            .header("Idempotency-Key", "key-1")
            .POST(HttpRequest.BodyPublishers.ofString(GuideBodies.CREATE)));

    assertThat(api.jobs.stored.values())
        .singleElement()
        .satisfies(stored -> assertThat(stored.idempotencyKey()).contains("key-1"));
  }

  @Test
  void aRepeatedRequestGetsItsJobBeforeAnythingElseIsJudged() throws Exception {
    HttpRequest.Builder request =
        api.as("ann", "/api/userJob")
            .header("Idempotency-Key", "key-1")
            .POST(HttpRequest.BodyPublishers.ofString(GuideBodies.CREATE));
    HttpResponse<String> first = api.send(request);
    api.facts.datasets.clear();
    api.jobs.failure.set(
        new RequestRefusedException(RequestRefusedException.Kind.UNAVAILABLE, "draining"));

    assertThat(api.send(request).body()).isEqualTo(first.body());
    assertThat(api.jobs.stored).hasSize(1);
  }

  @Test
  void aRevokedTokenIsRefusedWithAndWithoutABody() throws Exception {
    api.revoked.add("id-of-ann");

    assertThat(ErrorBody.message(api.get("/api/userJob"), 401)).contains("revoked");
    assertThat(ErrorBody.message(api.post("/api/userJob", GuideBodies.CREATE), 401))
        .contains("revoked");
    assertThat(api.jobs.stored).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "a b", "a\tb"})
  void refusesABadIdempotencyKey(String key) throws Exception {
    String[] keys = key.isEmpty() ? new String[] {"", "x".repeat(256)} : new String[] {key};
    for (String value : keys) {
      HttpResponse<String> response =
          api.send(
              api.as("ann", "/api/userJob")
                  .header("Idempotency-Key", value)
                  .POST(HttpRequest.BodyPublishers.ofString(GuideBodies.CREATE)));
      assertThat(ErrorBody.message(response, 400)).startsWith("Idempotency-Key: must be sent once");
    }
    assertThat(
            ErrorBody.message(
                api.send(
                    api.as("ann", "/api/userJob")
                        .header("Idempotency-Key", "a")
                        .header("Idempotency-Key", "b")
                        .POST(HttpRequest.BodyPublishers.ofString(GuideBodies.CREATE))),
                400))
        .startsWith("Idempotency-Key");
  }

  @ParameterizedTest
  @CsvSource({
    "BAD_REQUEST,400",
    "UNAUTHORIZED,401",
    "FORBIDDEN,403",
    "NOT_FOUND,404",
    "METHOD_NOT_ALLOWED,405",
    "TIMED_OUT,408",
    "CONFLICT,409",
    "TOO_LARGE,413",
    "URI_TOO_LONG,414",
    "UNSUPPORTED_ENCODING,415",
    "RANGE_NOT_SATISFIABLE,416",
    "TOO_MANY,429",
    "HEADERS_TOO_LARGE,431",
    "UNAVAILABLE,503"
  })
  void givesEveryRefusalItsStatus(RequestRefusedException.Kind kind, int status) throws Exception {
    api.givesMadeUpAnswers();
    api.jobs.failure.set(new RequestRefusedException(kind, "because"));

    HttpResponse<String> response = api.post("/api/userJob", GuideBodies.CREATE);

    assertThat(ErrorBody.message(response, status)).isEqualTo("because");
    assertThat(response.headers().firstValue("Retry-After"))
        .isEqualTo(status == 503 ? Optional.of("1") : Optional.empty());
    assertThat(response.headers().firstValue("WWW-Authenticate"))
        .isEqualTo(status == 401 ? Optional.of("Bearer") : Optional.empty());
  }

  /** Fails if a new kind is not added to the test above. */
  @Test
  void thereAreFourteenKindsOfRefusals() {
    assertThat(RequestRefusedException.Kind.values()).hasSize(14);
  }

  @Test
  void answers503WhereGpusAreAskedForAndCannotBeRead() throws Exception {
    api.facts.types.clear(); // no GPU was read since the start of the agent
    api.facts.gpuFault = Optional.of("NVML: the driver is of another version");
    for (String number : List.of("1", "\"1\"", "4000000")) {
      HttpResponse<String> refused = api.post("/api/userJob", withGpuNumber(number));
      assertThat(ErrorBody.message(refused, 503))
          .isEqualTo(
              "the GPUs of this machine cannot be read now: NVML: the driver is of another version;"
                  + " try again later (jobs with gpuNumber 0 are taken)");
      assertThat(refused.headers().firstValue("Retry-After")).contains("10");
    }
    assertThat(api.jobs.stored).isEmpty();

    HttpResponse<String> types = api.get("/api/userJob/getGpuType");
    assertThat(ErrorBody.message(types, 503)).contains("the driver is of another version");
    assertThat(types.headers().firstValue("Retry-After")).contains("10");

    assertThat(api.post("/api/userJob", withGpuNumber("0")).statusCode()).isEqualTo(200);
    assertThat(ErrorBody.message(api.post("/api/userJob", withGpuNumber("-1")), 400))
        .isEqualTo("gpuNumber: must be a whole number from 0, was -1");

    api.facts.gpuFault = Optional.empty();
    assertThat(ErrorBody.message(api.post("/api/userJob", withGpuNumber("1")), 400))
        .contains("this machine has no GPUs");
  }

  @Test
  void everyGpuIsShownAndItsJobOnlyToWhoMaySeeThatJob() throws Exception {
    JobId job = JobId.random();
    api.facts.gpuReport =
        new GpuReport(
            "NVML 12.535.54, driver 535.54.03",
            false,
            Optional.of("the driver hangs"),
            12,
            List.of(
                new GpuReport.Gpu(
                    OptionalInt.of(0),
                    "GPU-a",
                    "NVIDIA-L40S",
                    OptionalLong.of(48_000),
                    OptionalLong.of(1_200),
                    GpuReport.State.LEASED,
                    Optional.empty(),
                    Optional.of("it is too hot"),
                    Optional.of(new GpuReport.Lease(job, "ann")),
                    List.of(
                        new GpuReport.User(
                            17,
                            OptionalLong.of(1_100),
                            Optional.of("python3"),
                            Optional.of("root"),
                            Optional.of("3f2a9c01d4e5"),
                            GpuReport.Role.JOB),
                        new GpuReport.User(
                            18,
                            OptionalLong.empty(),
                            Optional.empty(),
                            Optional.empty(),
                            Optional.empty(),
                            GpuReport.Role.INTRUDER)),
                    Optional.of(new GpuReport.Time(Instant.EPOCH, Map.of("used", 7L))),
                    Map.of("powerMilliwatts", 250_000L)),
                new GpuReport.Gpu(
                    OptionalInt.empty(),
                    "GPU-b",
                    "NVIDIA-L40S",
                    OptionalLong.empty(),
                    OptionalLong.empty(),
                    GpuReport.State.UNFIT,
                    Optional.of("it is lost; reset it"),
                    Optional.empty(),
                    Optional.empty(),
                    List.of(),
                    Optional.empty(),
                    Map.of("busId", "0000:3b:00.0"))));
    String others =
        "\"state\":\"leased\",\"suspect\":\"it is too hot\",\"user\":\"ann\","
            + "\"memoryMegabytes\":48000,\"memoryUsedMegabytes\":1200,\"powerMilliwatts\":250000,"
            + "\"secondsSince\":\"1970-01-01T00:00:00Z\",\"seconds\":{\"used\":7},"
            + "\"processes\":[{\"pid\":17,\"command\":\"python3\",\"user\":\"root\","
            + "\"container\":\"3f2a9c01d4e5\",\"memoryMegabytes\":1100,\"role\":\"job\"},"
            + "{\"pid\":18,\"role\":\"intruder\"}]},"
            + "{\"uuid\":\"GPU-b\",\"gpuProd\":\"NVIDIA-L40S\",\"state\":\"unfit\","
            + "\"reason\":\"it is lost; reset it\",\"busId\":\"0000:3b:00.0\","
            + "\"processes\":[]}]}";
    assertThat(api.send(api.as("bob", "/api/gpus").GET()).body())
        .isEqualTo(
            "{\"source\":\"NVML 12.535.54, driver 535.54.03\",\"simulated\":false,\"fault\":\"the"
                + " driver"
                + " hangs\",\"lookMilliseconds\":12,\"gpus\":[{\"index\":0,\"uuid\":\"GPU-a\","
                + "\"gpuProd\":\"NVIDIA-L40S\","
                + others);
    assertThat(api.send(api.as("ann", "/api/gpus").GET()).body())
        .contains("\"user\":\"ann\",\"job_id\":\"" + job + "\"");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "quarantine | {\"gpu\":\"0\",\"reason\":\"loud\"} | quarantine 0 loud",
        "release | {\"gpu\":\"GPU-a\",\"reason\":\"quiet\"} | release GPU-a quiet",
        "driver/release | {\"gpu\":\"1\"} | driver without 1",
        "driver/release | {\"gpu\":\"all\"} | driver without all",
        "driver/take | {} | driver"
      })
  void anAdministratorSteersGpus(String what, String body, String answer) throws Exception {
    HttpResponse<String> refused =
        api.send(
            api.as("ann", "/api/gpus/" + what).POST(HttpRequest.BodyPublishers.ofString(body)));
    assertThat(ErrorBody.message(refused, 403)).contains("only an admin's token");
    HttpResponse<String> done =
        api.send(api.asAdmin("/api/gpus/" + what).POST(HttpRequest.BodyPublishers.ofString(body)));
    assertThat(done.body()).isEqualTo("{\"message\":\"" + answer + "\"}");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "quarantine | {} | gpu: is required; reason: is required",
        "release | {\"gpu\":7,\"reason\":\"x\"} | gpu: must be the UUID or the index of a GPU",
        "driver/release | nonsense | body: "
      })
  void whatAnAdministratorForgotIsNamed(String what, String body, String words) throws Exception {
    HttpResponse<String> refused =
        api.send(api.asAdmin("/api/gpus/" + what).POST(HttpRequest.BodyPublishers.ofString(body)));
    assertThat(ErrorBody.message(refused, 400)).startsWith(words);
  }

  private static String withGpuNumber(String json) {
    return GuideBodies.CREATE.replace("\"gpuNumber\": 1", "\"gpuNumber\": " + json);
  }

  @Test
  void aTokenThatCannotBeLookedUpIsNoRevokedOne() throws Exception {
    api.registerFault =
        Optional.of(
            new RequestRefusedException(RequestRefusedException.Kind.UNAVAILABLE, "unreadable"));

    for (HttpResponse<String> response :
        List.of(api.get("/api/userJob"), api.post("/api/userJob", GuideBodies.CREATE))) {
      assertThat(ErrorBody.message(response, 503)).isEqualTo("unreadable");
      assertThat(response.headers().firstValue("Retry-After")).contains("1");
      assertThat(response.headers().firstValue("WWW-Authenticate")).isEmpty();
    }
    assertThat(api.jobs.stored).isEmpty();
  }

  @Test
  void saysWhenToTryAgain() throws Exception {
    api.jobs.failure.set(
        new RequestRefusedException(
            RequestRefusedException.Kind.TOO_MANY, "too many", Duration.ofSeconds(90)));

    assertThat(api.post("/api/userJob", GuideBodies.CREATE).headers().firstValue("Retry-After"))
        .contains("90");
  }

  @Test
  void leaksNothingOfAnInternalError() throws Exception {
    api.jobs.failure.set(new IllegalStateException("secret detail"));

    assertThat(ErrorBody.message(api.post("/api/userJob", GuideBodies.CREATE), 501))
        .startsWith("internal error")
        .contains("reference")
        .doesNotContain("secret");
  }

  @Test
  void listsTheCallersJobs() throws Exception {
    JobId id = api.create();

    JsonObject page = new JsonObject(api.get("/api/userJob?current=2&size=5").body());

    assertThat(api.jobs.lastPage).isEqualTo(2);
    assertThat(api.jobs.lastSize).isEqualTo(5);
    assertThat(page.fieldNames()).containsExactly("content", "totalElements");
    assertThat(page.getLong("totalElements")).isEqualTo(1);
    assertThat(page.getJsonArray("content").getJsonObject(0).getString("job_id"))
        .isEqualTo(id.value());
    assertThat(new JsonObject(api.send(api.as("bob", "/api/userJob").GET()).body()))
        .isEqualTo(new JsonObject("{\"content\":[],\"totalElements\":0}"));
    assertThat(api.jobs.lastPage).isEqualTo(1);
    assertThat(api.jobs.lastSize).isEqualTo(10);
  }

  @ParameterizedTest
  @ValueSource(strings = {"/api/userJob", "/api/job/training"})
  void handsOnTheFilterOfAList(String path) throws Exception {
    api.get(path + "?state=ended&user=bob&id=ai0f-3&size=7");
    assertThat(api.jobs.lastFilter)
        .isEqualTo(
            new JobFilter(
                Optional.of(JobFilter.State.ENDED), Optional.of("bob"), Optional.of("ai0f-3")));
    assertThat(api.jobs.lastSize).isEqualTo(7);
    api.get(path + "?state=live&other=x");
    assertThat(api.jobs.lastFilter)
        .isEqualTo(
            new JobFilter(Optional.of(JobFilter.State.LIVE), Optional.empty(), Optional.empty()));
    api.get(path);
    assertThat(api.jobs.lastFilter).isEqualTo(JobFilter.ALL);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "state=LIVE|state: must be live or ended, was \"LIVE\"",
        "state=|state: must be live or ended, was \"\"",
        "state=live&state=live|state: must be live or ended, was sent 2 times",
        "user=|user: must be the name of one user, was \"\"",
        "user=a&user=b|user: must be the name of one user, was sent 2 times",
        "user=a%0Ab|user: must be the name of one user, was \"a\\u000ab\"",
        "id=ai|id: must be the beginning of a job id: ai and at least one character after it, was"
            + " \"ai\"",
        "id=aiX|id: must be the beginning of a job id: ai and at least one character after it, was"
            + " \"aiX\"",
        "id=0f|id: must be the beginning of a job id: ai and at least one character after it, was"
            + " \"0f\"",
        "id=ai0&id=ai0|id: must be the beginning of a job id: ai and at least one character after"
            + " it, was sent 2 times",
        "size=0&id=x&state=y|size: must be one whole number from 1 to 999999999, was \"0\"; state:"
            + " must be live or ended, was \"y\"; id: must be the beginning of a job id: ai and at"
            + " least one character after it, was \"x\""
      })
  void namesEveryWrongPartOfAFilter(String query, String message) throws Exception {
    assertThat(ErrorBody.message(api.get("/api/userJob?" + query), 400)).isEqualTo(message);
  }

  @Test
  void aJobIsPurgedOnlyIfTheBodySaysSo() throws Exception {
    api.post("/api/userJob", GuideBodies.minimal().encode());
    JobId id = api.jobs.stored.keySet().iterator().next();
    JsonObject body = new JsonObject().put("job_id", id.value());

    assertThat(api.post("/api/userJob/job_del", body.copy().put("purge", true).encode()).body())
        .contains("files are being removed");
    assertThat(api.post("/api/userJob/job_del", body.copy().put("purge", false).encode()).body())
        .contains("is being stopped");
    assertThat(
            ErrorBody.message(
                api.post("/api/userJob/job_del", body.copy().put("purge", "yes").encode()), 400))
        .isEqualTo("purge: must be true or false, was \"yes\"");
  }

  @Test
  void tellsWhoTheTokenIsOf() throws Exception {
    assertThat(api.get("/api/whoami").body()).isEqualTo("{\"user\":\"ann\",\"admin\":false}");
    assertThat(api.send(api.asAdmin("/api/whoami").GET()).body())
        .isEqualTo("{\"user\":\"root\",\"admin\":true}");
    api.jobs.disk.set(new DiskUse(3, 4, 10));
    assertThat(api.get("/api/whoami").body())
        .isEqualTo(
            "{\"user\":\"ann\",\"admin\":false,\"disk\":{\"reservedBytes\":3,\"keptBytes\":4,\"limitBytes\":10}}");
  }

  /** Nothing in a request leads to the key of another user. */
  @Test
  void tellsEachUserOnlyTheKeyOfHisOwnCallbacks() throws Exception {
    api.sendsWrongPaths();
    for (String query : List.of("", "?user=bob", "?user=")) {
      assertThat(api.get("/api/callback-key" + query).body())
          .isEqualTo("{\"user\":\"ann\",\"key\":\"key-of-ann\"}");
    }
    assertThat(api.send(api.asAdmin("/api/callback-key?user=ann").GET()).body())
        .isEqualTo("{\"user\":\"root\",\"key\":\"key-of-root\"}");
    assertThat(api.send(api.request("/api/callback-key").GET()).statusCode()).isEqualTo(401);
  }

  @Test
  void boundsPages() throws Exception {
    assertThat(ErrorBody.message(api.get("/api/userJob?current=0&size=0"), 400))
        .isEqualTo(
            "current: must be one whole number from 1 to 1000000, was \"0\"; size: must be one"
                + " whole number from 1 to 999999999, was \"0\"");
    for (String query :
        List.of("size=", "size=x", "size=1&size=2", "current=-1", "current=9999999999")) {
      ErrorBody.message(api.get("/api/userJob?" + query), 400);
    }
  }

  @Test
  void tellsTheGpuTypes() throws Exception {
    assertThat(api.get("/api/userJob/getGpuType").body())
        .isEqualTo(
            "[{\"gpuProd\":\"NVIDIA-A100-SXM4-80GB\",\"gpuTotal\":1,\"gpuAllocatable\":0,\"amount\":0},"
                + "{\"gpuProd\":\"NVIDIA-GeForce-RTX-3090\",\"gpuTotal\":4,\"gpuAllocatable\":3,\"amount\":0}]");
  }

  @Test
  void showsOneJobInFull() throws Exception {
    JobId id = api.create();

    JsonObject job = new JsonObject(api.get("/api/userJob/" + id).body());

    assertThat(job.getString("job_id")).isEqualTo(id.value());
    assertThat(job.getString("user")).isEqualTo("ann");
    assertThat(job.getString("state")).isEqualTo("QUEUED");
    assertThat(job.getString("reason")).isEqualTo("waits for 1 GPU");
    assertThat(job.getInteger("queuePosition")).isEqualTo(1);
    assertThat(job.getString("latestStartAt")).isEqualTo("1970-01-01T00:01:00Z");
    assertThat(job.getJsonArray("events").getJsonObject(0).getString("at"))
        .isEqualTo("1970-01-01T00:00:00Z");
    ErrorBody.message(api.get("/api/userJob/nonsense"), 404);
    ErrorBody.message(api.get("/api/userJob/" + JobId.random()), 404);
  }

  @Test
  void startsAnUploadAgain() throws Exception {
    JobId id = api.create();

    assertThat(
            new JsonObject(api.post("/api/userJob/" + id + "/retry-upload", "").body())
                .getString("message"))
        .isEqualTo("the upload starts again");
    ErrorBody.message(api.post("/api/userJob/x/retry-upload", "{}"), 404);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/api/userJob/",
        "//api//userJob",
        "/api//userJob",
        "/api/./userJob",
        "/api/%75serJob"
      })
  void toleratesHowClientsJoinPaths(String path) throws Exception {
    api.sendsWrongPaths();
    assertThat(api.post(path, GuideBodies.CREATE).statusCode()).isEqualTo(200);
  }

  @ParameterizedTest
  @ValueSource(strings = {"/api/userJob/job_status/", "/api/userJob/job_del/"})
  void toleratesTrailingSlashes(String path) throws Exception {
    api.sendsWrongPaths();
    assertThat(api.post(path, GuideBodies.jobId(api.create().value())).statusCode()).isEqualTo(200);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/",
        "/api",
        "/api/userJobs",
        "/api/userjob",
        "/api/userJob/x/y",
        "/artifacts/x",
        "/api/userJob/a%2Fb/c"
      })
  void answers404InTheErrorBody(String path) throws Exception {
    api.sendsWrongPaths();
    ErrorBody.message(api.get(path), 404);
  }

  @ParameterizedTest
  @CsvSource({
    "GET, /api",
    "GET, /api/",
    "GET, /api/userJobs",
    "GET, /api/userJobs?current=1",
    "GET, /api/userJob/x/y",
    "GET, //api//nothing",
    "GET, /api/./nothing",
    "GET, /%61pi/nothing",
    "POST, /api/nothing",
    "DELETE, /api/nothing",
    "OPTIONS, /api/nothing",
    "PUT, /api/userJob",
    "GET, /api/userJob/job_status",
    "OPTIONS, /api/userJob",
    "BREW, /api/userJob/x"
  })
  void aStrangerIsNotToldWhichPathsAndMethodsThereAre(String method, String path) throws Exception {
    api.sendsWrongPaths();
    HttpResponse<String> response =
        api.send(api.request(path).method(method, HttpRequest.BodyPublishers.noBody()));

    ErrorBody.message(response, 401);
    assertThat(response.headers().firstValue("Allow")).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "PUT,/api/userJob,'GET, HEAD, POST'",
    "DELETE,/api/userJob,'GET, HEAD, POST'",
    "GET,/api/userJob/job_status,POST",
    "GET,/api/userJob/job_del,POST",
    "POST,/api/userJob/getGpuType,'GET, HEAD'",
    "POST,/health/live,'GET, HEAD'",
    "GET,/api/job/gpu/stop,POST",
    "POST,/artifacts/a/b,'GET, HEAD'",
    "BREW,/api/userJob/x,'GET, HEAD'"
  })
  void answers405WithTheMethodsThereAre(String method, String path, String allowed)
      throws Exception {
    HttpResponse<String> response =
        api.send(api.as("ann", path).method(method, HttpRequest.BodyPublishers.noBody()));

    ErrorBody.message(response, 405);
    assertThat(response.headers().firstValue("Allow")).contains(allowed);
  }

  @Test
  void takesABodyOfExactlyTheLimitAndNoMore() throws Exception {
    byte[] body = new byte[1_048_576];
    java.util.Arrays.fill(body, (byte) ' ');
    byte[] json = GuideBodies.CREATE.getBytes(java.nio.charset.StandardCharsets.UTF_8);
    System.arraycopy(json, 0, body, 0, json.length);

    assertThat(api.post("/api/userJob", body).statusCode()).isEqualTo(200);
    byte[] larger = java.util.Arrays.copyOf(body, body.length + 1);
    larger[body.length] = ' ';
    assertThat(ErrorBody.message(api.post("/api/userJob", larger), 413))
        .isEqualTo("body: must be at most 1048576 bytes, was more");
    assertThat(api.jobs.stored).hasSize(1);
  }

  @Test
  void answersWhatIsPastTheBoundWith503AndGoesOnAfterwards() throws Exception {
    CountDownLatch busy = new CountDownLatch(ApiFixture.SHORT.requests());
    CountDownLatch release = new CountDownLatch(1);
    api.jobs.before =
        () -> {
          busy.countDown();
          awaitQuietly(release);
        };
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Callable<Integer> create = () -> api.post("/api/userJob", GuideBodies.CREATE).statusCode();
      List<Future<Integer>> running = new ArrayList<>();
      for (int number = 0; number < ApiFixture.SHORT.requests(); number++) {
        running.add(threads.submit(create));
      }
      assertThat(busy.await(20, TimeUnit.SECONDS)).isTrue();

      HttpResponse<String> refused = api.post("/api/userJob", GuideBodies.CREATE);
      assertThat(ErrorBody.message(refused, 503)).contains("8 requests");
      assertThat(refused.headers().firstValue("Retry-After")).contains("1");
      assertThat(api.send(api.request("/health/live").GET()).statusCode())
          .as("the event loop is free")
          .isEqualTo(200);

      release.countDown();
      for (Future<Integer> one : running) {
        assertThat(one.get(20, TimeUnit.SECONDS)).isEqualTo(200);
      }
    }
    assertThat(api.post("/api/userJob", GuideBodies.CREATE).statusCode()).isEqualTo(200);
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      latch.await(20, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** What a stranger in the network may know: whether it is ready, and which part is not. */
  @Test
  void tellsStrangersOnlyWhichPartIsNotReady() throws Exception {
    assertThat(api.send(api.request("/health/live").GET()).body()).isEqualTo("{\"live\":true}");
    api.health = notReady();
    String forged = api.adminToken() + "x";
    for (List<String> header :
        List.of(
            List.<String>of(),
            List.of("Bearer " + api.token("alice")),
            List.of("Bearer " + forged),
            List.of("nonsense nonsense"))) {
      HttpRequest.Builder request = api.request("/health/ready").GET();
      header.forEach(value -> request.header("Authorization", value));
      HttpResponse<String> response = api.send(request);
      JsonObject body = new JsonObject(response.body());
      assertThat(response.statusCode()).isEqualTo(503);
      assertThat(response.headers().firstValue("Retry-After")).contains("1");
      assertThat(body.getInteger("status")).isEqualTo(503);
      assertThat(body.getString("message")).isEqualTo("not ready: docker");
      assertThat(body.getBoolean("ready")).isFalse();
      assertThat(body.getJsonArray("parts").encode())
          .isEqualTo("[{\"name\":\"docker\",\"ok\":false},{\"name\":\"store\",\"ok\":true}]");
      assertThat(response.body()).doesNotContain("/x", "fine", "runc");
    }
    api.health = new Health.Report(List.of(new Health.Part("docker", true, "20.10")));
    assertThat(api.send(api.request("/health/ready").GET()).body())
        .isEqualTo("{\"ready\":true,\"parts\":[{\"name\":\"docker\",\"ok\":true}]}");
  }

  private static Health.Report notReady() {
    return new Health.Report(
        List.of(
            new Health.Part("docker", false, "no answer at /x\u001b[0m"),
            new Health.Part("store", true, "fine")),
        List.of("runc 1.1.5 is old"));
  }

  @Test
  void tellsAdminsAllAboutItsHealth() throws Exception {
    api.health = notReady();
    HttpResponse<String> response = api.send(api.asAdmin("/health/ready").GET());
    JsonObject body = new JsonObject(response.body());
    assertThat(response.statusCode()).isEqualTo(503);
    assertThat(body.getString("message")).isEqualTo("not ready: docker: no answer at /x\\u001b[0m");
    assertThat(body.getJsonArray("parts").getJsonObject(1).getString("message")).isEqualTo("fine");
    assertThat(body.getJsonArray("warnings")).containsExactly("runc 1.1.5 is old");
  }
}
