package io.gpurunner.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Replays the requests of the cloud's clients, and reads of the answers what they read. */
final class CloudClientsTest {
  private ApiFixture api;

  @BeforeEach
  void start() {
    api = new ApiFixture(ApiFixture.SHORT, Optional.empty());
  }

  @AfterEach
  void stop() {
    api.close();
  }

  // ---- generation 1

  @Test
  void theWebPageCreatesListsAndDeletesByJobName() throws Exception {
    String body =
        """
        {"gpuNumber":0,"gpuType":"","ckptPath":"/data","ckptVol":10,"modelPath":"/data2","modelVol":20,
         "imagePath":"registry.example/train:1","jobType":"GeneralJob","stopType":0,"stopTime":0,
         "runCommand":"python train.py","callbackUrl":"http://127.0.0.1/cb"}""";
    String id = json(api.post("/api/userJob", body)).getString("job_id");

    JsonObject row = onlyRow("/api/userJob?current=1&size=10");
    assertThat(row.getString("jobName")).isEqualTo(id);
    assertThat(row.getValue("jobId")).isEqualTo(7);
    assertThat(row.getInteger("workStatus")).isZero();
    assertThat(row.getInteger("gpuNumber")).isZero();
    assertThat(row.getString("gpuType")).isEmpty();
    assertThat(row.getString("ckptPath")).isEqualTo("/data");
    assertThat(row.getString("ckptVol")).isEqualTo("10");
    assertThat(row.getString("modelPath")).isEqualTo("/data2");
    assertThat(row.getString("modelVol")).isEqualTo("20");
    assertThat(row.getString("imagePath")).isEqualTo("registry.example/train:1");
    assertThat(row.getString("jobType")).isEqualTo("GeneralJob");
    assertThat(row.getInteger("stopType")).isZero();
    assertThat(row.getString("runCommand")).isEqualTo("python train.py");
    assertThat(row.getString("callbackUrl")).isEqualTo("http://127.0.0.1/cb");
    assertThat(row.getString("createTime")).isEqualTo(row.getString("createdAt"));
    assertThat(row.getString("updateTime")).isNotEmpty();
    assertThat(row.getInteger("obtainStatus")).isZero();
    assertThat(row.getInteger("deleted")).isZero();

    JsonObject deleted = new JsonObject().put("job_id", row.getString("jobName"));
    assertThat(api.post("/api/userJob/job_del", deleted.encode()).statusCode()).isEqualTo(200);
  }

  @Test
  void theWebPageShowsTheMessageOfAnError() throws Exception {
    HttpResponse<String> refused = api.post("/api/userJob", "{}");
    assertThat(ErrorBody.message(refused, 400)).contains("imagePath: is required");
  }

  @Test
  void theCommandLineToolOf2023SendsAJobNameAndBlankDataSets() throws Exception {
    JsonObject body =
        GuideBodies.minimal()
            .put("jobName", "ai-of-the-tool")
            .put("datasetName", "")
            .put("datasetPath", "");
    String id = json(api.post("/api/userJob", body.encode())).getString("job_id");
    assertThat(kept(new JobId(id)).dataset()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({"100, 100", "1000, 1000", "1001, 1000", "999999999, 1000"})
  void theTestScriptsListAsManyAsTheyLike(int asked, int given) throws Exception {
    JobId id = api.create();
    JsonObject row = onlyRow("/api/userJob?current=1&size=" + asked);
    assertThat(row.getString("jobName")).isEqualTo(id.value());
    assertThat(row.getString("status")).isEqualTo("working");
    assertThat(api.jobs.lastSize).isEqualTo(given);
  }

  @ParameterizedTest
  @CsvSource({"pretrainedModelId, datasetId", "model_id, dataset_id", "model_name, dataset_name"})
  void aModelAndADataSetAreNamedByIdToo(String model, String dataset) throws Exception {
    JsonObject body =
        GuideBodies.minimal()
            .put(model, "chatglm3-6b")
            .put("pretrainedModelPath", "/base")
            .put(dataset, "train-dataset")
            .put("datasetPath", "/train");
    JobRequest request = created(api.post("/api/userJob", body.encode()));
    assertThat(request.pretrainedModel()).contains(new LibraryMount("chatglm3-6b", "/base"));
    assertThat(request.dataset()).contains(new LibraryMount("train-dataset", "/train"));
  }

  @Test
  void aModelIsFoundByItsNameOrByItsIdWhicheverThisMachineHas() throws Exception {
    JsonObject body =
        GuideBodies.minimal()
            .put("model_id", "chatglm3-6b")
            .put("model_name", "nobody/knows")
            .put("model_path", "/base");
    assertThat(created(api.post("/api/job/training", body.encode())).pretrainedModel())
        .contains(new LibraryMount("chatglm3-6b", "/base"));

    HttpResponse<String> refused =
        api.post("/api/job/training", body.put("model_id", "model-storage-1").encode());
    assertThat(ErrorBody.message(refused, 400))
        .startsWith(
            "model_name: must be a model of this machine, was \"nobody/knows\" or"
                + " \"model-storage-1\"; this machine has ");
  }

  @ParameterizedTest
  @CsvSource({"datasetPath, dataset", "dataset_path, dataset", "model_path, model"})
  void noJobRunsWithoutItsData(String path, String what) throws Exception {
    HttpResponse<String> refused =
        api.post("/api/job/training", GuideBodies.minimal().put(path, "/in").encode());
    assertThat(ErrorBody.message(refused, 400))
        .startsWith(path + ": needs the " + what + " that is to be there: send ");
  }

  // ---- generation 2

  @Test
  void theSdkCreatesAsksAndStops() throws Exception {
    String body =
        """
        {"cpod_id":"c","gpuNumber":1,"gpuType":"NVIDIA-GeForce-RTX-3090","ckptPath":"/data","ckptVol":10,
         "created_model_path":"/data2","created_model_vol":20,"imagePath":"train:1","jobType":"General",
         "dataset_id":"","dataset_name":"","dataset_path":"","dataset_size":0,"dataset_is_public":false,
         "model_id":"","model_name":"","model_path":"","model_size":0,"model_is_public":true,
         "model_template":"","model_meta":"","model_category":"","trainedModelName":"mine","nodeCount":1}""";
    JobId id =
        new JobId(
            json(withBareToken("/api/job/training", "application/json", body)).getString("job_id"));
    JobRequest request = kept(id);
    assertThat(request.modelPath()).isEqualTo("/data2");
    assertThat(request.modelVolumeMegabytes()).isEqualTo(20);
    assertThat(request.stopRule()).isEqualTo(new StopRule.NaturalEnd());

    HttpResponse<String> status =
        api.get("/api/job/gpu/status?job_id=" + id + "&Sx-User-ID=whatever");
    assertThat(json(status))
        .isEqualTo(new JsonObject().put("job_id", id.value()).put("status", "notassigned"));

    String form =
        "--b\r\nContent-Disposition: form-data; name=\"job_id\"\r\n\r\n" + id + "\r\n--b--\r\n";
    HttpResponse<String> stopped =
        withBareToken("/api/job/gpu/stop", "multipart/form-data; boundary=b", form);
    assertThat(stopped.statusCode()).as(stopped.body()).isEqualTo(200);
    assertThat(json(stopped).getString("message")).isNotEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "application/x-www-form-urlencoded | job_id=%s",
        "application/x-www-form-urlencoded; charset=utf-8 | a=b&job_id=%s",
        "application/x-www-form-urlencoded | {\"job_id\":\"%s\"}",
        "application/json | {\"job_id\":\"%s\"}"
      })
  void aJobIsStoppedByAFormOrByJson(String type, String body) throws Exception {
    JobId id = api.create();
    assertThat(withBareToken("/api/job/gpu/stop", type, body.formatted(id)).statusCode())
        .isEqualTo(200);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "application/x-www-form-urlencoded | other=1",
        "multipart/form-data; boundary=b | nothing of the kind",
        "multipart/form-data | --b",
        "application/json | {}"
      })
  void aStopThatNamesNoJobIsRefused(String type, String body) throws Exception {
    HttpResponse<String> refused = withBareToken("/api/job/gpu/stop", type, body);
    assertThat(ErrorBody.message(refused, 400)).isEqualTo("job_id: is required");
  }

  @Test
  void theSecondListHasTheSecondWords() throws Exception {
    JobId id = api.create();
    JsonObject row = onlyRow("/api/job/training?current=1&size=1000");
    assertThat(row.getString("jobName")).isEqualTo(id.value());
    assertThat(row.getString("status")).isEqualTo("notassigned");
    assertThat(row.getInteger("workStatus")).isZero();
  }

  /** The words and numbers that scripts wait for. */
  @ParameterizedTest
  @CsvSource({
    "QUEUED, WORKING, 0, notassigned, 0, 0, 0",
    "PREPARING, WORKING, 0, datapreparing, 2, 1, 0",
    "PULLING, WORKING, 0, pending, 3, 1, 0",
    "STARTING, WORKING, 0, pending, 3, 1, 0",
    "RUNNING, WORKING, 0, running, 6, 1, 0",
    "STOPPING, WORKING, 0, running, 6, 1, 0",
    "UPLOADING, WORKING, 2, running, 6, 1, 0",
    "SUCCEEDED, SUCCESS, 3, succeeded, 8, 1, 0",
    "FAILED, FAIL, 1, failed, 7, 1, 0",
    "DELETED, FAIL, 1, stopped, 9, 1, 1"
  })
  void everyStateHasItsWordInBothGenerations(
      String state,
      JobStatus.Phase phase,
      int number,
      String word,
      int secondNumber,
      int obtained,
      int deleted)
      throws Exception {
    JobId id = api.create();
    api.jobs.state.set(state);
    api.jobs.status.set(new JobStatus(phase, Optional.empty()));
    JsonObject first = onlyRow("/api/userJob?current=1&size=10");
    assertThat(first.getString("status")).isEqualTo(phase.name().toLowerCase(Locale.ROOT));
    assertThat(first.getInteger("workStatus")).isEqualTo(number);
    assertThat(first.getInteger("obtainStatus")).isEqualTo(obtained);
    assertThat(first.getInteger("deleted")).isEqualTo(deleted);
    JsonObject second = onlyRow("/api/job/training?current=1&size=10");
    assertThat(second.getString("status")).isEqualTo(word);
    assertThat(second.getInteger("workStatus")).isEqualTo(secondNumber);
    assertThat(json(api.get("/api/job/gpu/status?job_id=" + id)).getString("status"))
        .isEqualTo(word);
  }

  /** They submit without stopType, look for their job in a long list, and delete it at its end. */
  @Test
  void theCiScriptsWaitForTheEndAndDelete() throws Exception {
    JsonObject body = GuideBodies.minimal();
    body.remove("stopType");
    String id = json(api.post("/api/job/training", body.encode())).getString("job_id");
    String list = "/api/job/training?current=1&size=1000";
    assertThat(onlyRow(list).getString("jobName")).isEqualTo(id);
    assertThat(onlyRow(list).getString("status")).isNotIn("succeeded", "failed", "error");
    api.jobs.state.set("SUCCEEDED");
    assertThat(onlyRow(list).getString("status")).isEqualTo("succeeded");
    HttpResponse<String> deleted =
        api.post("/api/userJob/job_del", new JsonObject().put("job_id", id).encode());
    assertThat(deleted.statusCode()).isEqualTo(200);
  }

  @Test
  void resourcesAreListed() throws Exception {
    assertThat(api.get("/api/resource/gpus").body())
        .isEqualTo(api.get("/api/userJob/getGpuType").body());
    JsonArray models = new JsonArray(api.get("/api/resource/models").body());
    assertThat(models)
        .contains(
            new JsonObject()
                .put("id", "chatglm3-6b")
                .put("name", "chatglm3-6b")
                .put("object", "model"));
    assertThat(new JsonArray(api.get("/api/resource/datasets").body())).isNotEmpty();
  }

  @Test
  void oneMachineIsOneNode() throws Exception {
    assertThat(created(api.post("/api/job/training", nodes(1)))).isNotNull();
    HttpResponse<String> refused = api.post("/api/job/training", nodes(2));
    assertThat(ErrorBody.message(refused, 400))
        .isEqualTo("nodeCount: must be 1, was 2: this is one machine");
  }

  private static String nodes(int count) {
    return GuideBodies.minimal().put("nodeCount", count).encode();
  }

  // ---- HTTP

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/api/userJob",
        "/api/userJob/getGpuType",
        "/api/job/training",
        "/api/gpus",
        "/api/resource/gpus",
        "/health/live",
        "/health/ready"
      })
  void headAnswersAsGetWithoutABody(String path) throws Exception {
    HttpResponse<String> get = api.get(path);
    HttpResponse<String> head =
        api.send(api.as("ann", path).method("HEAD", BodyPublishers.noBody()));
    assertThat(head.statusCode()).isEqualTo(get.statusCode());
    assertThat(head.body()).isEmpty();
    assertThat(head.headers().firstValue("Content-Length"))
        .contains(Integer.toString(get.body().getBytes(StandardCharsets.UTF_8).length));
  }

  @Test
  void aBodyMayBeGzipped() throws Exception {
    assertThat(encoded("gzip", gzip(GuideBodies.CREATE)).statusCode()).isEqualTo(200);
    assertThat(encoded("identity", bytes(GuideBodies.CREATE)).statusCode()).isEqualTo(200);
    refused(encoded("gzip", bytes(GuideBodies.CREATE)), 400, "body: must be gzip");
    byte[] cut = Arrays.copyOf(gzip(GuideBodies.CREATE), 100);
    refused(encoded("gzip", cut), 400, "body: must be gzip");
    String bomb = " ".repeat(ApiLimits.MAX_BODY_BYTES) + "{}";
    refused(encoded("gzip", gzip(bomb)), 413, "body: must be at most 1048576 bytes");
  }

  @ParameterizedTest
  @ValueSource(strings = {"br", "deflate", "zstd", "gzip, gzip", "nonsense"})
  void anotherEncodingIsRefusedByName(String encoding) throws Exception {
    refused(
        encoded(encoding, gzip(GuideBodies.CREATE)),
        415,
        "Content-Encoding: must be gzip, or absent, was \"" + encoding + "\"");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ' ',
      value = {
        "http://h.example/a|b http://h.example/a%7Cb",
        "http://h.example/a?x={\"k\":1} http://h.example/a?x=%7B%22k%22:1%7D",
        "http://h.example/回调?名=值 http://h.example/%E5%9B%9E%E8%B0%83?%E5%90%8D=%E5%80%BC",
        "http://h.example/a%20b http://h.example/a%20b",
        "http://h.example/a\u3000b\u00a0c http://h.example/a%E3%80%80b%C2%A0c",
        "http://h.example/e\u0301 http://h.example/e%CC%81",
        "http://h.example/[1]?y=[2] http://h.example/%5B1%5D?y=[2]"
      })
  void whatClientsSendRawInACallbackUrlIsEncoded(String sent, String kept) throws Exception {
    JsonObject body = GuideBodies.minimal().put("callbackUrl", sent);
    assertThat(created(api.post("/api/userJob", body.encode())).callbackUrl().orElseThrow())
        .hasToString(kept);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ' ',
      value = {
        "ftp://h.example/x \"ftp://h.example/x\"",
        "http://ann:secret@h.example/ \"http://***@h.example/\"",
        "http://h.example/%zz \"%\"",
        "http://a|b/ \"|\"",
        "http://h.example/a|b%zz \"%\"",
        "http://a*b/ \"*\"",
        "http://例え.jp/ \"例\"",
        "/only/a/path \"/only/a/path\""
      })
  void aRefusedCallbackUrlIsShown(String sent, String shown) throws Exception {
    HttpResponse<String> answer =
        api.post("/api/userJob", GuideBodies.minimal().put("callbackUrl", sent).encode());
    refused(answer, 400, shown);
    assertThat(answer.body()).doesNotContain("secret");
  }

  private HttpResponse<String> encoded(String encoding, byte[] body)
      throws IOException, InterruptedException {
    return api.send(
        api.as("ann", "/api/userJob")
            .header("Content-Encoding", encoding)
            .POST(BodyPublishers.ofByteArray(body)));
  }

  private static byte[] gzip(String text) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (GZIPOutputStream out = new GZIPOutputStream(bytes)) {
      out.write(bytes(text));
    }
    return bytes.toByteArray();
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static void refused(HttpResponse<String> answer, int status, String words) {
    assertThat(ErrorBody.message(answer, status)).contains(words);
  }

  /** The cloud's gateway took a token without the word Bearer, and the SDK sends it so. */
  private HttpResponse<String> withBareToken(String path, String type, String body)
      throws IOException, InterruptedException {
    HttpRequest.Builder request =
        api.request(path)
            .header("Authorization", api.token("ann"))
            .header("Content-Type", type)
            .header("Sx-User-ID", "somebody else");
    return api.send(request.POST(BodyPublishers.ofString(body)));
  }

  private JobRequest created(HttpResponse<String> answer) {
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    return kept(new JobId(json(answer).getString("job_id")));
  }

  private JobRequest kept(JobId id) {
    return Objects.requireNonNull(api.jobs.stored.get(id)).request();
  }

  private JsonObject onlyRow(String path) throws IOException, InterruptedException {
    JsonObject page = json(api.get(path));
    assertThat(page.getInteger("totalElements")).isEqualTo(1);
    return page.getJsonArray("content").getJsonObject(0);
  }

  private static JsonObject json(HttpResponse<String> answer) {
    return new JsonObject(answer.body());
  }
}
