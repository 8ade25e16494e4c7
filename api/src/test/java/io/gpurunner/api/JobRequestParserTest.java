package io.gpurunner.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests every row of the contract's section 2, alone and together. */
final class JobRequestParserTest {
  private static final Caller CALLER = new Caller("ann", false);

  private final FakeFacts facts = new FakeFacts();

  @Test
  void readsTheGuidesExample() {
    JobRequest request = accepted(GuideBodies.CREATE);

    assertThat(request)
        .isEqualTo(
            new JobRequest(
                1,
                FakeFacts.RTX,
                "/data",
                10_000,
                "/data2",
                10_000,
                ImageReference.of("dockerhub.kubekey.local/kubesphereio/train:test"),
                JobType.GENERAL,
                new StopRule.After(Duration.ofMinutes(5)),
                Optional.of(
                    new LibraryMount(
                        "train-dataset", "/sixpen_models/train_outputs/test_10059997")),
                Optional.of(new LibraryMount("chatglm3-6b", "/sixpen_models/chatlm3")),
                Optional.of("sleep 600"),
                Optional.of(URI.create("https://llm.nascentcore.cn/api/test/callback")),
                Map.of("OPEN_NODE_TOKEN", "9999"),
                Optional.empty(),
                0,
                0,
                Optional.empty(),
                Map.of(),
                Optional.empty(),
                List.of()));
  }

  @Test
  void namesTheFieldTheFaultAndWhatIsAcceptedAsTheContractsExampleDoes() {
    assertThat(errors(with("ckptVol", "10G")))
        .containsExactly("ckptVol: must be a whole number of MB, was \"10G\"");
  }

  @Test
  void reportsAllWrongFieldsAtOnce() {
    String body =
        """
        {"gpuNumber":"two","gpuType":7,"ckptPath":"data","ckptVol":0,"modelPath":"/proc/x",
         "modelVol":"1e3","imagePath":"UPPER","jobType":"Spark","stopType":2,
         "callbackUrl":"ftp://x","env":[1],"priority":"high","retries":-1,"gracePeriod":1.5,
         "labels":"x","resumeFrom":"nine","name":3,"runCommand":{}}""";

    assertThat(fields(errors(body)))
        .containsExactlyInAnyOrder(
            "gpuNumber",
            "gpuType",
            "ckptPath",
            "ckptVol",
            "modelPath",
            "modelVol",
            "imagePath",
            "jobType",
            "stopType",
            "callbackUrl",
            "env",
            "priority",
            "retries",
            "gracePeriod",
            "labels",
            "resumeFrom",
            "name",
            "runCommand");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "gpuNumber",
        "gpuType",
        "ckptPath",
        "ckptVol",
        "modelPath",
        "modelVol",
        "imagePath",
        "jobType"
      })
  void requiresWhatTheGuideRequires(String field) {
    JsonObject absent = GuideBodies.minimal();
    absent.remove(field);

    assertThat(errors(absent.encode())).containsExactly(field + ": is required");
    assertThat(errors(GuideBodies.minimal().putNull(field).encode()))
        .containsExactly(field + ": is required");
  }

  @Test
  void anImageThatTheMachineNeverRunsIsRefused() {
    facts.imageRefusal = Optional.of("this machine's rules do not let jobs use its registry");
    assertThat(errors(GuideBodies.minimal().encode()))
        .containsExactly("imagePath: this machine's rules do not let jobs use its registry");
  }

  @Test
  void aJobWithoutGpusNeedsNoType() {
    JsonObject body = GuideBodies.minimal().put("gpuNumber", 0).put("gpuType", "");
    assertThat(accepted(body.encode()).gpuType()).isEmpty();
    body.remove("gpuType");
    assertThat(accepted(body.encode()).gpuType()).isEmpty();
    assertThat(fields(errors(body.put("gpuNumber", 1).encode()))).containsExactly("gpuType");
  }

  @Test
  void whileTheGpusCannotBeReadOnlyWhatNeedsThemIsUnavailable() {
    facts.gpuFault = Optional.of("the driver is out of order");

    assertThat(accepted(with("gpuNumber", 0)).gpuNumber()).isZero();
    assertThat(fields(errors(with("gpuNumber", "two")))).containsExactly("gpuNumber");
    assertThatThrownBy(() -> parse(with("gpuNumber", 1)))
        .isInstanceOfSatisfying(
            RequestRefusedException.class,
            refusal ->
                assertThat(refusal.kind()).isEqualTo(RequestRefusedException.Kind.UNAVAILABLE))
        .hasMessageContaining("the driver is out of order");
  }

  @ParameterizedTest
  @ValueSource(strings = {"gpuNumber", "ckptVol", "modelVol", "stopType", "stopTime"})
  void takesNumbersInBothForms(String field) {
    JsonObject base = GuideBodies.minimal().put("stopType", 1).put("stopTime", 1);

    assertThat(accepted(base.copy().put(field, 1).encode()))
        .isEqualTo(accepted(base.copy().put(field, 1.0).encode()));

    assertThat(accepted(base.copy().put(field, 1).encode()))
        .isEqualTo(accepted(base.copy().put(field, "1").encode()));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "1.5",
        "\"1.0\"",
        "\" 5 \"",
        "\"+5\"",
        "1e-3",
        "\"1e3\"",
        "\"0x10\"",
        "\"٣\"",
        "\"\"",
        "\"1_000\"",
        "true",
        "[1]",
        "{}",
        "1E400",
        "1E99999999999",
        "\"NaN\""
      })
  void refusesWhatIsNoWholeNumber(String value) {
    String body =
        GuideBodies.minimal().encode().replace("\"10000\",\"modelPath", value + ",\"modelPath");

    assertThat(errors(body))
        .singleElement()
        .asString()
        .startsWith("ckptVol: must be a whole number of MB, was ");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "0",
        "-1",
        "\"-1\"",
        "1000001",
        "9223372036854775808",
        "99999999999999999999999999"
      })
  void refusesVolumesOutOfRangeHoweverHuge(String value) {
    String body =
        GuideBodies.minimal().encode().replace("\"10000\",\"modelPath", value + ",\"modelPath");

    assertThat(errors(body))
        .singleElement()
        .asString()
        .startsWith("ckptVol: must be a whole number of MB from 1 to 1000000, was ");
  }

  @ParameterizedTest
  @ValueSource(longs = {1, FakeFacts.MAX_VOLUME})
  void takesVolumesUpToTheirBounds(long value) {
    assertThat(accepted(with("ckptVol", value)).ckptVolumeMegabytes()).isEqualTo(value);
    assertThat(accepted(with("modelVol", value)).modelVolumeMegabytes()).isEqualTo(value);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "NVIDIA-GeForce-RTX-3090",
        "nvidia geforce rtx 3090",
        "NVIDIA_GeForce_RTX_3090",
        "NVIDIAGEFORCERTX3090"
      })
  void comparesGpuTypesWithoutCaseBlanksDashesAndUnderscores(String type) {
    assertThat(accepted(with("gpuType", type)).gpuType()).isEqualTo(FakeFacts.RTX);
  }

  @Test
  void namesTheMachinesGpusWhereTheTypeIsMissing() {
    assertThat(errors(with("gpuType", "H100")))
        .containsExactly(
            "gpuType: must be a GPU of this machine, was \"H100\"; this machine has 1"
                + " NVIDIA-A100-SXM4-80GB, 4 NVIDIA-GeForce-RTX-3090");
  }

  @Test
  void namesTheMachinesGpusWhereTooManyAreAskedFor() {
    assertThat(errors(with("gpuNumber", 5)))
        .containsExactly(
            "gpuNumber: must be 0 to 4 of NVIDIA-GeForce-RTX-3090, was 5; this machine has 1"
                + " NVIDIA-A100-SXM4-80GB, 4 NVIDIA-GeForce-RTX-3090");
    assertThat(
            errors(
                GuideBodies.minimal()
                    .put("gpuType", "a100_sxm4_80gb")
                    .put("gpuNumber", 9)
                    .encode()))
        .hasSize(2);
    assertThat(fields(errors(with("gpuNumber", -1)))).containsExactly("gpuNumber");
    assertThat(accepted(with("gpuNumber", 4)).gpuNumber()).isEqualTo(4);
  }

  @Test
  void doesNotCheckTheTypeOfNoGpu() {
    JobRequest request =
        accepted(GuideBodies.minimal().put("gpuNumber", "0").put("gpuType", "any").encode());

    assertThat(request.gpuNumber()).isZero();
    assertThat(request.gpuType()).isEqualTo("any");
  }

  @Test
  void saysSoWhereTheMachineHasNoGpus() {
    facts.types = new TreeMap<>();

    assertThat(errors(GuideBodies.minimal().encode()))
        .hasSize(2)
        .allSatisfy(
            message -> assertThat(message).endsWith("this machine has no GPUs, use gpuNumber 0"));
  }

  @ParameterizedTest
  @CsvSource({
    "/data,/data",
    "/data/,/data",
    "//data///x/./y,/data/x/y",
    "/数据,/数据",
    "/etc/model,/etc/model",
    "/devices,/devices",
    "/a b,/a b"
  })
  void normalisesPaths(String sent, String read) {
    assertThat(accepted(with("ckptPath", sent)).ckptPath()).isEqualTo(read);
    JsonObject body = GuideBodies.minimal().put("ckptPath", "/elsewhere").put("modelPath", sent);
    assertThat(accepted(body.encode()).modelPath()).isEqualTo(read);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "data",
        "",
        "/",
        "//",
        "/.",
        "/data/../x",
        "/..",
        "/proc",
        "/proc/1",
        "/sys",
        "/sys/fs",
        "/dev",
        "/dev/shm",
        "/./dev//shm/",
        "/etc",
        "/bin",
        "/usr/lib",
        "/run",
        "/etc/hosts",
        "/a:b",
        "/a\u0000b",
        "/a\nb",
        "C:\\data"
      })
  void refusesDangerousPathsForEveryMount(String path) {
    for (String field : List.of("ckptPath", "modelPath")) {
      assertThat(fields(errors(with(field, path)))).containsExactly(field);
    }
    if (!path.isEmpty()) {
      assertThat(fields(errors(full().put("datasetPath", path).encode())))
          .containsExactly("datasetPath");
      assertThat(fields(errors(full().put("pretrainedModelPath", path).encode())))
          .containsExactly("pretrainedModelPath");
    }
  }

  @Test
  void boundsPaths() {
    assertThat(fields(errors(with("ckptPath", "/" + "a".repeat(256))))).containsExactly("ckptPath");
    assertThat(fields(errors(with("ckptPath", "/aaa".repeat(300))))).containsExactly("ckptPath");
  }

  @ParameterizedTest
  @CsvSource({
    "ckptPath,/same,modelPath,/same",
    "ckptPath,/a,modelPath,/a/b",
    "ckptPath,/a/b,modelPath,/a",
    "ckptPath,/a/./b/,modelPath,//a/b",
    "datasetPath,/a,pretrainedModelPath,/a",
    "datasetPath,/a,pretrainedModelPath,/a/b",
    "datasetPath,/a/b,pretrainedModelPath,/a"
  })
  void refusesMountsInsideOneAnother(String one, String path, String other, String otherPath) {
    assertThat(errors(full().put(one, path).put(other, otherPath).encode()))
        .singleElement()
        .asString()
        .contains(one + " (")
        .contains("nor a parent or child of it");
  }

  @ParameterizedTest
  @CsvSource({
    "ckptPath,/a,datasetPath,/a",
    "ckptPath,/a/b,datasetPath,/a",
    "modelPath,/a/b/c,datasetPath,/a",
    "ckptPath,/a,pretrainedModelPath,/a",
    "modelPath,/a/b,pretrainedModelPath,/a"
  })
  void refusesAReadOnlyMountAboveADirectoryOfTheJob(
      String one, String path, String other, String otherPath) {
    assertThat(errors(full().put(one, path).put(other, otherPath).encode()))
        .containsExactly(
            ("%s: must be neither %s (\"%s\") nor a parent of it, was \"%s\": what is mounted there is"
                    + " read-only and has no such directory, so that of %s cannot be made in it; a path"
                    + " below %s is accepted")
                .formatted(other, one, path, otherPath, one, one));
  }

  @ParameterizedTest
  @CsvSource({
    "ckptPath,/a,datasetPath,/a/b",
    "modelPath,/a,datasetPath,/a/b/c",
    "ckptPath,/a,pretrainedModelPath,/a/b",
    "modelPath,/a,pretrainedModelPath,/a/./b/"
  })
  void takesAReadOnlyMountBelowADirectoryOfTheJob(
      String one, String path, String other, String otherPath) {
    JobRequest request = accepted(full().put(one, path).put(other, otherPath).encode());
    assertThat(
            Stream.of(request.dataset(), request.pretrainedModel())
                .map(mount -> mount.orElseThrow().containerPath()))
        .anyMatch(place -> place.startsWith(path + "/b"));
  }

  @ParameterizedTest
  @CsvSource({"ckptPath,datasetPath", "modelPath,datasetPath", "modelPath,pretrainedModelPath"})
  void takesAReadOnlyMountThatHasTheDirectoryOfTheJob(String one, String other) {
    JobRequest request = accepted(full().put(one, "/a/there/already").put(other, "/a").encode());
    assertThat(List.of(request.ckptPath(), request.modelPath())).contains("/a/there/already");
  }

  @Test
  void takesNeighboursWithACommonPrefix() {
    JobRequest request =
        accepted(
            GuideBodies.minimal().put("ckptPath", "/data").put("modelPath", "/data2").encode());

    assertThat(request.modelPath()).isEqualTo("/data2");
  }

  @ParameterizedTest
  @CsvSource({
    "GeneralJob,GENERAL",
    "General,GENERAL",
    "generaljob,GENERAL",
    "MPI,MPI",
    "mpi,MPI",
    "Pytorch,PYTORCH",
    "PyTorch,PYTORCH",
    "TensorFlow,TENSORFLOW",
    "tensorflow,TENSORFLOW"
  })
  void knowsTheJobTypes(String sent, JobType type) {
    assertThat(accepted(with("jobType", sent)).jobType()).isEqualTo(type);
  }

  @Test
  void refusesOtherJobTypes() {
    assertThat(errors(with("jobType", "Spark")))
        .containsExactly("jobType: must be GeneralJob, MPI, Pytorch or TensorFlow, was \"Spark\"");
    assertThat(fields(errors(with("jobType", 1)))).containsExactly("jobType");
  }

  @Test
  void readsTheStopRule() {
    assertThat(accepted(with("stopType", "0")).stopRule()).isEqualTo(new StopRule.NaturalEnd());
    JsonObject absent = GuideBodies.minimal().put("stopTime", 5);
    absent.remove("stopType");
    assertThat(accepted(absent.encode()).stopRule()).isEqualTo(new StopRule.NaturalEnd());
    assertThat(accepted(GuideBodies.minimal().put("stopTime", "never").encode()).stopRule())
        .as("stopTime is ignored with stopType 0")
        .isEqualTo(new StopRule.NaturalEnd());
    assertThat(
            accepted(GuideBodies.minimal().put("stopType", 1).put("stopTime", "7").encode())
                .stopRule())
        .isEqualTo(new StopRule.After(Duration.ofMinutes(7)));
    assertThat(errors(with("stopType", 1)))
        .containsExactly("stopTime: is required with stopType 1, in minutes");
    for (Object wrong : List.of(0, -1, "x", "", "1.5", JobRequestLimits.MAX_STOP_MINUTES + 1)) {
      assertThat(
              fields(
                  errors(GuideBodies.minimal().put("stopType", 1).put("stopTime", wrong).encode())))
          .containsExactly("stopTime");
    }
    assertThat(fields(errors(with("stopType", 2)))).containsExactly("stopType");
  }

  @Test
  void listsTheKnownNamesWhereALibraryHasNoSuchEntry() {
    assertThat(errors(full().put("datasetName", "mnist").encode()))
        .containsExactly(
            "datasetName: must be a dataset of this machine, was \"mnist\"; this machine has iris,"
                + " train-dataset");
    assertThat(errors(full().put("pretrainedModelName", "../x").encode()))
        .containsExactly(
            "pretrainedModelName: must be a model of this machine, was \"../x\"; this machine has"
                + " chatglm3-6b");
    facts.datasets = new TreeSet<>();
    assertThat(errors(full().encode()))
        .singleElement()
        .asString()
        .endsWith("this machine has no datasets");
    for (int number = 0; number < 30; number++) {
      facts.datasets.add("set-" + number);
    }
    assertThat(errors(full().encode())).singleElement().asString().endsWith(" and others");
  }

  @Test
  void refusesALibraryPathWithoutAName() {
    JsonObject body =
        GuideBodies.minimal()
            .put("datasetPath", "/d")
            .put("pretrainedModelName", "")
            .put("pretrainedModelPath", "/m");

    assertThat(errors(body.encode()))
        .containsExactly(
            "datasetPath: needs the dataset that is to be there: send datasetName too",
            "pretrainedModelPath: needs the model that is to be there: send pretrainedModelName"
                + " too");
    JobRequest blank =
        accepted(body.put("datasetPath", " ").put("pretrainedModelPath", "").encode());
    assertThat(blank.dataset()).isEmpty();
    assertThat(blank.pretrainedModel()).isEmpty();
  }

  @Test
  void refusesALibraryNameWithoutAPath() {
    assertThat(errors(with("datasetName", "iris")))
        .containsExactly("datasetPath: is required with datasetName");
    assertThat(fields(errors(full().put("datasetName", 1).encode())))
        .containsExactly("datasetName");
    assertThat(fields(errors(full().put("datasetPath", 1).encode())))
        .containsExactly("datasetPath");
  }

  @Test
  void aListCutsALongCommand() {
    JobRequest request = accepted(with("runCommand", "x".repeat(60_000)));
    assertThat(request.inLists().runCommand().orElseThrow()).hasSize(1001).endsWith("x…");
    JobRequest brief = accepted(with("runCommand", "true"));
    assertThat(brief.inLists().runCommand()).contains("true");
  }

  @Test
  void readsTheRunCommand() {
    assertThat(accepted(GuideBodies.minimal().encode()).runCommand()).isEmpty();
    assertThat(accepted(with("runCommand", "  ")).runCommand()).isEmpty();
    assertThat(accepted(with("runCommand", "a && b\n\"c\"")).runCommand())
        .contains("a && b\n\"c\"");
    assertThat(fields(errors(with("runCommand", "a\u0000b")))).containsExactly("runCommand");
    assertThat(
            accepted(with("runCommand", "x".repeat(JobRequestLimits.MAX_COMMAND_BYTES)))
                .runCommand())
        .isPresent();
    assertThat(errors(with("runCommand", "x".repeat(JobRequestLimits.MAX_COMMAND_BYTES + 1))))
        .containsExactly(
            "runCommand: must be at most 65536 bytes, was 65537; put a longer script into the image");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "http://example.com",
        "https://example.com:8443/a?b=c",
        "HTTP://10.0.0.1/x",
        "http://[::1]:80/",
        "http://my_host",
        "https://_a.my_host.lan.:65535/x"
      })
  void takesCallbackUrls(String url) {
    assertThat(accepted(with("callbackUrl", url)).callbackUrl()).contains(URI.create(url));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "example.com",
        "/callback",
        "ftp://example.com",
        "file:///etc/passwd",
        "http:///x",
        "http://",
        "http:example.com",
        "http://user:pass@example.com",
        "http://example.com:0/",
        "http://example.com:70000/",
        "http://exa mple.com/",
        "http://例え.jp/",
        "javascript:alert(1)",
        "http://user:pass@my_host/",
        "http://my_host:0/",
        "http://my_host:65536/",
        "http://my_host:99999999999/",
        "http://my_host..lan/",
        "http://-my_host/",
        "http://a\r\nX: y"
      })
  void refusesOtherCallbackUrls(String url) {
    assertThat(errors(with("callbackUrl", url)))
        .singleElement()
        .asString()
        .startsWith("callbackUrl: must be a")
        .doesNotContain("pass@");
  }

  @Test
  void asksTheMachineAboutTheCallbacksAddress() {
    facts.callbackVerdict =
        new CallbackVerdict.Refused("must not lead to 169.254.169.254 (link-local)");

    assertThat(errors(with("callbackUrl", "http://meta/")))
        .containsExactly(
            "callbackUrl: must not lead to 169.254.169.254 (link-local), was \"http://meta/\"");
    assertThat(accepted(with("callbackUrl", "")).callbackUrl()).isEmpty();
  }

  @Test
  void takesACallbackWhoseHostCannotBeJudgedYetAndSaysSo() {
    facts.callbackVerdict = new CallbackVerdict.NotJudged("the host did not resolve");

    JobRequest request = accepted(GuideBodies.CREATE);
    assertThat(request.callbackUrl()).isPresent();
    assertThat(request.notes()).containsExactly("callbackUrl: the host did not resolve");
  }

  @Test
  void volumesThatExceedTheDiskTogetherAreReportedWithTheOtherErrors() {
    facts.volumesRefusal = Optional.of("must fit together on the disk");

    assertThat(errors(GuideBodies.CREATE.replace("GeneralJob", "Spark")))
        .containsExactlyInAnyOrder(
            "jobType: must be GeneralJob, MPI, Pytorch or TensorFlow, was \"Spark\"",
            "ckptVol and modelVol: must fit together on the disk");
  }

  @Test
  void theNumberOfGpusIsToldFromTheMachine() {
    assertThat(errors(with("gpuNumber", -1)))
        .containsExactly(
            "gpuNumber: must be a whole number from 0 to 5 (this machine has 1 NVIDIA-A100-SXM4-80GB,"
                + " 4 NVIDIA-GeForce-RTX-3090), was -1");
    facts.types = new TreeMap<>();
    assertThat(errors(with("gpuNumber", "99999999999999999999")))
        .anySatisfy(error -> assertThat(error).contains("from 0 to 0 (this machine has no GPUs"));
  }

  @Test
  void theAgentsOwnVariablesAreNotedAsIgnored() {
    String env = "{\"MASTER_PORT\":\"1\",\"JOB_ID\":\"x\",\"OTHER\":\"y\"}";

    assertThat(accepted(with("env", env)).notes())
        .containsExactly("env: JOB_ID: the job's value was ignored, the agent sets its own");
    JsonObject pytorch = GuideBodies.minimal().put("env", env).put("jobType", "Pytorch");
    assertThat(accepted(pytorch.encode()).notes())
        .containsExactly(
            "env: JOB_ID, MASTER_PORT: the job's value was ignored, the agent sets its own");
    assertThat(accepted(with("env", "{\"OTHER\":\"y\"}")).notes()).isEmpty();
    String init = "{\"TINI_KILL_PROCESS_GROUP\":\"0\",\"TINI_VERBOSITY\":\"3\"}";
    assertThat(accepted(with("env", init)).notes())
        .containsExactly(
            "env: TINI_KILL_PROCESS_GROUP: the job's value was ignored, the agent sets its own");
  }

  @Test
  void nothingIsTakenThatLinuxWouldNotStart() {
    assertThat(JobRequestLimits.MAX_ENV_NAME_CHARACTERS + 1 + JobRequestLimits.MAX_ENV_VALUE_BYTES)
        .isLessThan(JobRequestLimits.MAX_EXEC_STRING_BYTES);
    assertThat(2 * JobRequestLimits.MAX_COMMAND_BYTES)
        .isLessThan(JobRequestLimits.MAX_EXEC_STRING_BYTES + 2);
    JsonObject tooMuch = new JsonObject();
    for (int number = 0; number < 4; number++) {
      tooMuch.put("A" + number, "x".repeat((JobRequestLimits.MAX_ENV_BYTES / 4) - 2));
    }
    assertThat(accepted(with("env", tooMuch)).env()).hasSize(4);
    assertThat(errors(with("env", tooMuch.put("B", ""))))
        .containsExactly(
            "env: must hold at most 131072 bytes in all names and values, held 131073; put more"
                + " into a file of the image or a dataset");
  }

  @Test
  void readsTheEnvironmentInBothForms() {
    String variables =
        "{\"A\":\"x\",\"B\":1.50,\"C\":true,\"D_e.f-g\":\"\",\"E\":12345678901234567890,"
            + "\"F\":1e-5,\"G\":-0}";
    String asObject =
        GuideBodies.minimal().encode().replaceFirst("\\{", "{\"env\":" + variables + ",");
    Map<String, String> expected =
        Map.of(
            "A", "x",
            "B", "1.50",
            "C", "true",
            "D_e.f-g", "",
            "E", "12345678901234567890",
            "F", "1e-5",
            "G", "-0");

    assertThat(accepted(asObject).env()).isEqualTo(expected);
    assertThat(accepted(with("env", variables)).env()).isEqualTo(expected);
    assertThat(accepted(with("env", "")).env()).isEmpty();
    assertThat(accepted(with("env", new JsonObject())).env()).isEmpty();
    assertThat(accepted(GuideBodies.minimal().putNull("env").encode()).env()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "NVIDIA_VISIBLE_DEVICES",
        "NVIDIA_DRIVER_CAPABILITIES",
        "NVIDIA_REQUIRE_CUDA",
        "NVIDIA_MIG_CONFIG_DEVICES",
        "NVIDIA_",
        "CUDA_VISIBLE_DEVICES",
        "GPU_DEVICE_ORDINAL",
        "ROCR_VISIBLE_DEVICES",
        "HIP_VISIBLE_DEVICES"
      })
  void reservesWhatDecidesWhichDevicesAreSeen(String name) {
    for (Object env : List.of(new JsonObject().put(name, "all"), "{\"" + name + "\":\"all\"}")) {
      assertThat(errors(with("env", env)))
          .singleElement()
          .asString()
          .startsWith("env: " + name + " cannot be set by a job");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "CUDA_DEVICE_ORDER",
        "NVIDIA_TF32_OVERRIDE",
        "cuda_visible_devices",
        "NVIDIA",
        "TINI_KILL_PROCESS_GROUP",
        "TINI_VERBOSITY",
        "_"
      })
  void leavesOtherVariablesToTheJob(String name) {
    assertThat(accepted(with("env", new JsonObject().put(name, "x"))).env()).containsKey(name);
  }

  @Test
  void refusesBadEnvironments() {
    for (Object env :
        List.of(
            1,
            true,
            new JsonArray(),
            "x",
            "[]",
            "{\"A\":1,\"A\":2}",
            new JsonObject().putNull("A"),
            new JsonObject().put("A", new JsonObject()),
            new JsonObject().put("A", new JsonArray()),
            new JsonObject().put("A", "x\u0000y"),
            new JsonObject().put("", "x"),
            new JsonObject().put("1A", "x"),
            new JsonObject().put("A=B", "x"),
            new JsonObject().put("A B", "x"),
            new JsonObject().put("Ä", "x"),
            new JsonObject().put("A".repeat(257), "x"),
            new JsonObject().put("A", "x".repeat(JobRequestLimits.MAX_ENV_VALUE_BYTES + 1)))) {
      assertThat(fields(errors(with("env", env)))).as("%s", env).containsExactly("env");
    }
    JsonObject many = new JsonObject();
    for (int number = 0; number <= JobRequestLimits.MAX_ENV_VARIABLES; number++) {
      many.put("A" + number, "x");
    }
    assertThat(fields(errors(with("env", many)))).containsExactly("env");
    JsonObject large = new JsonObject();
    for (int number = 0; number < 9; number++) {
      large.put("A" + number, "x".repeat(JobRequestLimits.MAX_ENV_VALUE_BYTES));
    }
    assertThat(fields(errors(with("env", large)))).containsExactly("env");
  }

  @Test
  void readsOurOwnFields() {
    JobId from = JobId.random();
    JobRequest request =
        accepted(
            GuideBodies.minimal()
                .put("name", "first try")
                .put("priority", "-5")
                .put("retries", 3)
                .put("gracePeriod", "90")
                .put("labels", new JsonObject().put("team", "vision").put("a/b.c_d-e", ""))
                .put("resumeFrom", from.value())
                .encode());

    assertThat(request.name()).contains("first try");
    assertThat(request.priority()).isEqualTo(-5);
    assertThat(request.retries()).isEqualTo(3);
    assertThat(request.gracePeriod()).contains(Duration.ofSeconds(90));
    assertThat(request.labels()).isEqualTo(Map.of("team", "vision", "a/b.c_d-e", ""));
    assertThat(request.resumeFrom()).contains(from);
  }

  @Test
  void boundsOurOwnFields() {
    Map<String, List<Object>> wrong =
        Map.of(
            "name", List.of(1, "x".repeat(129), "a\nb"),
            "priority", List.of(1001, -1001, "x"),
            "retries", List.of(-1, 11),
            "gracePeriod", List.of(-1, 3601, "30s"),
            "labels",
                List.of(
                    "x",
                    new JsonObject().put("a", 1),
                    new JsonObject().put("-a", "x"),
                    new JsonObject().put("a-", "x"),
                    new JsonObject().put("a".repeat(64), "x"),
                    new JsonObject().put("a", "x".repeat(257)),
                    new JsonObject().put("a", "x\u001b[0m")),
            "resumeFrom", List.of(1, "ai", "../x"));

    wrong.forEach(
        (field, values) ->
            values.forEach(
                value ->
                    assertThat(fields(errors(with(field, value))))
                        .as("%s %s", field, value)
                        .containsExactly(field)));
    JsonObject labels = new JsonObject();
    for (int number = 0; number < 65; number++) {
      labels.put("a" + number, "x");
    }
    assertThat(fields(errors(with("labels", labels)))).containsExactly("labels");
  }

  @Test
  void asksTheMachineAboutTheJobToResumeFrom() {
    facts.resumeRefusal = Optional.of("there is no such job");

    assertThat(errors(with("resumeFrom", JobId.random().value())))
        .containsExactly("resumeFrom: there is no such job");
  }

  @Test
  void keepsUnknownKeysInTheSourceAndIgnoresThem() {
    String body = GuideBodies.minimal().put("unknown", new JsonObject().put("deep", 1)).encode();

    assertThat(parse(body))
        .isInstanceOfSatisfying(
            JobRequestParser.Result.Accepted.class,
            result -> assertThat(result.source()).isEqualTo(body));
  }

  @Test
  void showsValuesShortAndHarmless() {
    assertThat(errors(with("jobType", "x\u001b[31m\n\u202e" + "y".repeat(200))))
        .containsExactly(
            "jobType: must be GeneralJob, MPI, Pytorch or TensorFlow, was \"x\\u001b[31m\\u000a\\u202e"
                + "y".repeat(72)
                + "…\"");
  }

  @Test
  void boundsTheNumberOfReportedErrors() {
    JsonObject env = new JsonObject();
    for (int number = 0; number < 200; number++) {
      env.put(number + "x", "y");
    }

    assertThat(rejected(with("env", env)).message()).endsWith("; and 150 more");
  }

  private static JsonObject full() {
    return GuideBodies.minimal()
        .put("datasetName", "iris")
        .put("datasetPath", "/sets/iris")
        .put("pretrainedModelName", "chatglm3-6b")
        .put("pretrainedModelPath", "/models/glm");
  }

  private static String with(String field, Object value) {
    return GuideBodies.minimal().put(field, value).encode();
  }

  private JobRequest accepted(String body) {
    JobRequestParser.Result result = parse(body);
    assertThat(result).isInstanceOf(JobRequestParser.Result.Accepted.class);
    return ((JobRequestParser.Result.Accepted) result).request();
  }

  private JobRequestParser.Result.Rejected rejected(String body) {
    JobRequestParser.Result result = parse(body);
    assertThat(result).as(body).isInstanceOf(JobRequestParser.Result.Rejected.class);
    return (JobRequestParser.Result.Rejected) result;
  }

  private List<String> errors(String body) {
    return rejected(body).errors().stream().map(FieldError::toString).toList();
  }

  private static List<String> fields(List<String> errors) {
    return errors.stream().map(error -> error.substring(0, error.indexOf(':'))).distinct().toList();
  }

  private JobRequestParser.Result parse(String body) {
    return new JobRequestParser().parse(CALLER, Buffer.buffer(body), facts);
  }
}
