package io.gpurunner.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.docker.TinyRegistry;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Rows of the contract's table "How a job ends". Real Docker engine, real S3 server. Faults from
 * outside are in {@link MachineFaultsIT}, {@link OutsideFaultsIT} and {@link EngineFaultsIT}.
 */
class JobEndingsIT {
  private static final Duration SOON = Duration.ofMinutes(3);

  /** The shortest possible stop time. */
  private static final Duration STOP_TIME = Duration.ofMinutes(1);

  private static final Duration GRACE = Duration.ofSeconds(2);

  @TempDir static Path directory;

  private static final CallbackReceiver callbacks = new CallbackReceiver();
  private static final Containers containers = new Containers();

  @SuppressWarnings("NullAway.Init") // started before all tests
  private static AgentUnderTest agent;

  @BeforeAll
  static void start() {
    agent =
        new AgentUnderTest(
            directory,
            AgentUnderTest.s3Store(AgentUnderTest.s3Endpoint()),
            AgentUnderTest.simulatedGpus(),
            "boot-1");
    agent.awaitReady();
  }

  @AfterAll
  static void stop() {
    agent.close();
    callbacks.close();
  }

  private static JsonObject body(String runCommand) {
    return AgentUnderTest.body(runCommand).put("callbackUrl", callbacks.url());
  }

  private static CallbackReceiver.Received onlyCallback(String jobId) {
    Awaitility.await("a callback about " + jobId)
        .atMost(SOON)
        .until(() -> !callbacks.about(jobId).isEmpty());
    assertThat(callbacks.about(jobId)).hasSize(1);
    return callbacks.about(jobId).getFirst();
  }

  private static void assertCalledBackAsFailed(String jobId) {
    assertThat(onlyCallback(jobId).body())
        .isEqualTo(
            new JsonObject()
                .put("status", "fail")
                .put("job_id", jobId)
                .put("jobId", jobId)
                .put("url", ""));
  }

  private static void assertCalledBackWithModel(String jobId, String text) {
    JsonObject body = onlyCallback(jobId).body();
    assertThat(body.getString("status")).isEqualTo("success");
    assertThat(body.getString("jobId")).isEqualTo(jobId);
    assertThat(new String(agent.fetch(body.getString("url")), StandardCharsets.UTF_8))
        .isEqualTo(text);
  }

  private static void assertNothingHeld(String jobId) {
    assertThat(containers.of(jobId)).isEmpty();
    assertThat(agent.detail(jobId).getJsonArray("gpus")).isEmpty();
  }

  private static String reason(String jobId) {
    return agent.detail(jobId).getString("reason");
  }

  @Test
  void exitCodeZeroIsASuccessUploadedAndCalledBackAbout() {
    String id =
        agent.create(
            body(
                "/bin/sh -c 'echo weights > $MODEL_PATH/ds_model.bin; echo 1 > $CKPT_PATH/epoch-1'"));
    JsonObject status = agent.awaitEnd(id, SOON);
    assertThat(status.getString("status")).isEqualTo("success");
    assertThat(new String(agent.fetch(status.getString("url")), StandardCharsets.UTF_8))
        .isEqualTo("weights\n");
    assertThat(status.getString("url")).contains("/" + id + "/ds_model.bin?");
    assertCalledBackWithModel(id, "weights\n");
    assertThat(agent.jobDirectory(id).resolve("checkpoint/epoch-1")).exists();
    assertNothingHeld(id);
  }

  @Test
  void anEmptyModelDirectoryIsASuccessWithoutAUrl() {
    String id = agent.create(body("true"));
    assertThat(agent.awaitEnd(id, SOON)).isEqualTo(new JsonObject().put("status", "success"));
    assertThat(onlyCallback(id).body().getString("url")).isEmpty();
    assertThat(agent.detail(id).getJsonArray("warnings"))
        .containsExactly(
            "modelPath /data2 holds no file, so nothing is published; ckptPath /data holds no file"
                + " either");
    assertThat(agent.detail(id).getString("imageDigest")).startsWith("sha256:");
    JsonArray attempts = agent.detail(id).getJsonArray("attempts");
    assertThat(attempts).hasSize(1);
    JsonObject attempt = attempts.getJsonObject(0);
    assertThat(attempt.getInteger("number")).isEqualTo(1);
    assertThat(attempt.getString("ending")).isEqualTo("the container ended with exit code 0");
    assertThat(Instant.parse(attempt.getString("endedAt")))
        .isAfter(Instant.parse(attempt.getString("startedAt")));
  }

  @Test
  void severalFilesComeAsOneZip() throws Exception {
    String id =
        agent.create(
            body(
                "/bin/sh -c 'cd $MODEL_PATH; mkdir a; echo 1 > a/one; echo 2 > two; ln -s /etc/passwd link'"));
    String url = agent.awaitEnd(id, SOON).getString("url");
    assertThat(url).contains("/" + id + "/data.zip?");
    Path zip = Files.write(directory.resolve(id + ".zip"), agent.fetch(url));
    Process python =
        new ProcessBuilder(
                "python3",
                "-c",
                "import sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; print(sorted(z.namelist()))",
                zip.toString())
            .redirectErrorStream(true)
            .start();
    assertThat(new String(python.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip())
        .isEqualTo("['a/one', 'two']");
    assertThat(python.waitFor()).isZero();
    assertThat(agent.detail(id).getJsonArray("warnings"))
        .containsExactly(
            "1 entry of modelPath is not published: link (a link that leads out of the job's"
                + " directories)");
  }

  @Test
  void theStopTimeIsASuccessAlsoForAJobThatIgnoresSigterm() {
    String ignoring =
        agent.create(
            body("/bin/sh -c 'trap \"\" TERM; echo half > $MODEL_PATH/ds_model.bin; while true; do sleep 1; done'")
                .put("stopType", 1)
                .put("stopTime", 1));
    String obedient =
        agent.create(
            body("/bin/sh -c 'trap \"echo saved > $MODEL_PATH/ds_model.bin; exit 3\" TERM; while true; do sleep 1; done'")
                .put("stopType", "1")
                .put("stopTime", "1"));
    agent.awaitState(ignoring, "RUNNING", SOON);
    Instant started = Instant.parse(agent.detail(ignoring).getString("startedAt"));
    Awaitility.await("the container to be gone")
        .pollInterval(Duration.ofMillis(100))
        .atMost(STOP_TIME.plus(SOON))
        .until(() -> containers.of(ignoring).isEmpty());
    // Not too early. How late it may be is checked by the simulation, on a clock that it rules: on
    // a busy machine every call to the engine takes seconds.
    assertThat(Duration.between(started, Instant.now())).isGreaterThan(STOP_TIME.plus(GRACE));
    assertThat(agent.awaitEnd(ignoring, SOON).getString("status")).isEqualTo("success");
    assertCalledBackWithModel(ignoring, "half\n");
    assertThat(agent.awaitEnd(obedient, SOON).getString("status")).isEqualTo("success");
    assertCalledBackWithModel(obedient, "saved\n");
    assertNothingHeld(ignoring);
  }

  /** However a program was started, what it saves at its stop time is published. */
  @Test
  void whatAProgramSavesAtItsStopTimeIsPublished() throws Exception {
    String t = "python3 /tmp/trainer.py";
    List<String> commands =
        List.of(
            "exec " + t,
            "printf '#!/bin/bash\\n" + t + "\\necho next\\n' > /tmp/launch.sh\nbash /tmp/launch.sh",
            "true && " + t + " && true",
            "(" + t + "; true)",
            t + " 2>&1 | tee /tmp/log",
            t + " > /tmp/log 2>&1 & wait",
            "trap 'kill $P; wait $P' TERM; " + t + " & P=$!; wait $P",
            "exec python3 /tmp/loaders.py");
    Map<String, String> jobs = new HashMap<>();
    for (String command : commands) {
      jobs.put(
          agent.create(
              saving(
                  "printf '%s' \"$TRAINER\" > /tmp/trainer.py\nprintf '%s' \"$LOADERS\" > /tmp/loaders.py\n"
                      + command)),
          command);
    }
    Path context = Files.createDirectories(directory.resolve("context"));
    Files.writeString(
        context.resolve("launch.sh"),
        "#!/bin/bash\nprintf %s \"$TRAINER\" > /tmp/trainer.py\n" + t + "\necho next\n");
    assertThat(context.resolve("launch.sh").toFile().setExecutable(true)).isTrue();
    Files.writeString(
        context.resolve("Dockerfile"),
        "FROM %s\nCOPY launch.sh /launch.sh\nENTRYPOINT [\"/launch.sh\"]\n"
            .formatted(TestEnvironment.require("GPURUNNER_PYTHON_IMAGE")));
    String image = "gpurunner-test-entrypoint:1";
    containers.build(context, image);
    try {
      JsonObject entrypoint = saving("").put("imagePath", image);
      entrypoint.remove("runCommand");
      jobs.put(agent.create(entrypoint), "the image's ENTRYPOINT");
      for (Map.Entry<String, String> job : jobs.entrySet()) {
        agent.awaitEnd(job.getKey(), STOP_TIME.plus(SOON));
        assertThat(agent.detail(job.getKey()).getString("state"))
            .as(job.getValue() + ": " + agent.detail(job.getKey()).encodePrettily())
            .isEqualTo("SUCCEEDED");
        assertCalledBackWithModel(job.getKey(), "saved");
        assertThat(agent.detail(job.getKey()).getJsonArray("events").encode())
            .as(job.getValue())
            .containsPattern("SIGTERM sent to (sh \\(process [0-9]+\\), )?python3 ");
      }
    } finally {
      containers.removeImage(image);
    }
  }

  private static JsonObject saving(String command) {
    String save =
        "    time.sleep(0.5)\n    open(os.environ['MODEL_PATH'] + '/ds_model.bin', 'w').write('saved')\n";
    String imports = "import multiprocessing, os, signal, sys, time\n";
    String trainer =
        imports
            + "def save(number, frame):\n"
            + save
            + "    sys.exit(0)\nsignal.signal(signal.SIGTERM, save)\nwhile True:\n    time.sleep(0.1)\n";
    String loaders =
        imports
            + "def save(number, frame):\n"
            + "    for loader in multiprocessing.active_children():\n        loader.kill()\n"
            + save
            + "    os._exit(0)\ndef load():\n    while True:\n        time.sleep(0.1)\n"
            + "signal.signal(signal.SIGTERM, save)\nfor _ in range(4):\n"
            + "    multiprocessing.get_context('fork').Process(target=load, daemon=True).start()\n"
            + "while True:\n    time.sleep(0.1)\n";
    return body(command)
        .put("gpuNumber", 0)
        .put("imagePath", TestEnvironment.require("GPURUNNER_PYTHON_IMAGE"))
        .put("stopType", 1)
        .put("stopTime", 1)
        .put("gracePeriod", 60)
        .put("env", new JsonObject().put("TRAINER", trainer).put("LOADERS", loaders));
  }

  @Test
  void anExitCodeOtherThanZeroIsAFailureWithNothingUploaded() throws Exception {
    String id =
        agent.create(
            body("/bin/sh -c 'echo half > $MODEL_PATH/ds_model.bin; echo the cause >&2; exit 7'"));
    assertThat(agent.awaitEnd(id, SOON)).isEqualTo(new JsonObject().put("status", "fail"));
    assertThat(reason(id)).isEqualTo("the container ended with exit code 7");
    assertCalledBackAsFailed(id);
    assertThat(agent.jobDirectory(id).resolve("model/ds_model.bin")).hasContent("half\n");
    assertThat(Files.readString(agent.jobDirectory(id).resolve("logs/run-1/000000000000.log")))
        .contains("the cause");
    assertNothingHeld(id);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "no-such-program --x|127 (command not found): no directory of the image's PATH has a program"
            + " \"no-such-program\"",
        "/bin/no/train|127 (command not found): there is no file \"/bin/no/train\" in the image",
        "/etc|126 (the command cannot be executed): \"/etc\" may not be executed: it is a directory",
        "/bin/sh -c 'echo 1; no-such-program'|127 (command not found); its output says:"
            + " /bin/sh: no-such-program: not found",
        "env no-such-program|127 (command not found); its output says: env: can't execute"
            + " 'no-such-program'"
      })
  void aCommandThatCannotBeExecutedIsNamed(String command, String what) {
    String id = agent.create(body(command));
    assertThat(agent.awaitEnd(id, SOON).getString("status")).isEqualTo("fail");
    assertThat(reason(id)).startsWith("the container ended with exit code " + what);
  }

  @Test
  void aScriptOrProgramThatCannotBeExecutedIsExplained() {
    String source =
        agent.create(
            body(
                "cd $CKPT_PATH; printf '#!/nope -x\\n' > script; printf '#!/bin/sh\\r\\n' > windows;"
                    + " { printf '\\177ELF\\2\\1\\1'; head -c 11 /dev/zero; printf '\\26\\0';"
                    + " head -c 2000 /dev/zero; } > mainframe; echo x > text;"
                    + " chmod +x script windows mainframe"));
    assertThat(agent.awaitEnd(source, SOON).getString("status")).isEqualTo("success");
    Map<String, String> explained =
        Map.of(
            "script", "names the interpreter \"/nope\" in its first line, and that is not in",
            "windows", "ends with a carriage return",
            "mainframe", "\"/data/mainframe\" was built for another processor",
            "text", "\"/data/text\" may not be executed");
    Map<String, String> jobs = new HashMap<>();
    for (String file : explained.keySet()) {
      jobs.put(agent.create(body("/data/" + file).put("resumeFrom", source)), file);
    }
    jobs.forEach(
        (id, file) -> {
          assertThat(agent.awaitEnd(id, SOON).getString("status")).isEqualTo("fail");
          assertThat(reason(id)).as(file).contains(explained.get(file));
        });
  }

  @Test
  void outOfMemoryIsAFailureThatSaysSo() {
    String id =
        agent.create(
            body("/bin/sh -c 'while [ ! -e $CKPT_PATH/go ]; do sleep 0.1; done; tail /dev/zero'"));
    agent.awaitState(id, "RUNNING", SOON);
    containers.limitMemory(containers.first(id), 20L << 20);
    writeInto(agent.jobDirectory(id).resolve("checkpoint/go"));
    assertThat(agent.awaitEnd(id, SOON).getString("status")).isEqualTo("fail");
    assertThat(reason(id)).startsWith("out of memory");
    assertCalledBackAsFailed(id);
  }

  @Test
  void anImageThatIsDeniedIsAFailureInWordsOfTheAgentsOwn() throws IOException {
    try (TinyRegistry registry = new TinyRegistry()) {
      String image = registry.image("denied/train:1");
      String id = agent.create(body("true").put("imagePath", image));
      assertThat(agent.awaitEnd(id, SOON).getString("status")).isEqualTo("fail");
      assertThat(reason(id))
          .isEqualTo(
              "image "
                  + image
                  + " could not be pulled: its registry has no such image, or gives this machine no"
                  + " access to it");
      assertCalledBackAsFailed(id);
      assertNothingHeld(id);
    }
  }

  @Test
  void anImageWhoseRegistryIsAwayIsWaitedForWithoutAGpu() {
    int nobody = TestEnvironment.freePort();
    String id =
        agent.create(body("true").put("imagePath", "127.0.0.1:" + nobody + "/team/train:1"));
    Awaitility.await("the job to be back in the queue, with the reason")
        .atMost(SOON)
        .until(
            () -> agent.detail(id),
            job ->
                job.getString("state").equals("QUEUED")
                    && job.getString("reason", "").contains("its registry could not be reached"));
    assertThat(reason(id))
        .contains("its next try at", "127.0.0.1:" + nobody, "could not be pulled");
    assertNothingHeld(id);
    agent.post("/api/userJob/job_del", new JsonObject().put("job_id", id));
    agent.awaitState(id, "DELETED", SOON);
  }

  @ParameterizedTest
  @ValueSource(strings = {"/bin/busybox", "/bin/busybox/model"})
  void aPathThatIsAFileInTheImageIsAFailureThatNamesIt(String path) {
    String id = agent.create(body("true").put("modelPath", path));
    assertThat(agent.awaitEnd(id, SOON).getString("status")).isEqualTo("fail");
    assertThat(reason(id))
        .startsWith("the container could not be started: modelPath " + path + " is a file in the")
        .doesNotContain(directory.toString());
    assertCalledBackAsFailed(id);
    assertNothingHeld(id);
  }

  /** The data set is read-only, and the job writes where the data set has a directory for it. */
  @Test
  void aDataSetMayBeAboveTheJobsDirectories() throws IOException {
    Path dataset = Files.createDirectories(agent.datasets().resolve("corpus"));
    Files.createDirectories(dataset.resolve("work/ckpt"));
    Files.createDirectories(dataset.resolve("work/model"));
    Files.writeString(dataset.resolve("train.txt"), "words");
    JsonObject body =
        body("/bin/sh -c 'cp /in/train.txt $MODEL_PATH/ds_model.bin; echo 1 > $CKPT_PATH/step;"
                + " ! touch /in/new'")
            .put("datasetName", "corpus")
            .put("datasetPath", "/in")
            .put("ckptPath", "/in/work/ckpt")
            .put("modelPath", "/in/work/model");
    String id = agent.create(body);
    agent.awaitEnd(id, SOON);
    assertCalledBackWithModel(id, "words");
    try (Stream<Path> left = Files.walk(dataset)) {
      assertThat(left.filter(Files::isRegularFile)).containsExactly(dataset.resolve("train.txt"));
    }
    assertThat(agent.post("/api/userJob", body.copy().put("ckptPath", "/in/absent")).body())
        .contains("has no such directory");
  }

  @Test
  void aVolumeOverItsSizeIsAFailure() {
    String id =
        agent.create(
            body("/bin/sh -c 'dd if=/dev/urandom of=$CKPT_PATH/big bs=1M count=5; sleep 600'")
                .put("ckptVol", 1));
    assertThat(agent.awaitEnd(id, Duration.ofSeconds(60)).getString("status")).isEqualTo("fail");
    assertThat(reason(id)).startsWith("ckptPath /data is over its size: ");
    assertCalledBackAsFailed(id);
    assertNothingHeld(id);
  }

  @Test
  void aContainerKilledFromOutsideIsAFailure() {
    String id = agent.create(body("sleep 600"));
    agent.awaitState(id, "RUNNING", SOON);
    containers.kill(containers.first(id));
    assertThat(agent.awaitEnd(id, SOON).getString("status")).isEqualTo("fail");
    assertThat(reason(id)).contains("exit code 137");
    assertCalledBackAsFailed(id);
  }

  @Test
  void aDeletedJobIsAFailureWithoutUploadAndWithoutCallback() {
    String id = agent.create(body("/bin/sh -c 'echo half > $MODEL_PATH/ds_model.bin; sleep 600'"));
    agent.awaitState(id, "RUNNING", SOON);
    JsonObject request = new JsonObject().put("job_id", id);
    JsonObject answer = new JsonObject(agent.post("/api/userJob/job_del", request).body());
    assertThat(answer.getString("job_id")).isEqualTo(id);
    assertThat(answer.getString("message")).contains("being stopped");
    assertThat(agent.awaitEnd(id, SOON)).isEqualTo(new JsonObject().put("status", "fail"));
    assertThat(reason(id)).isEqualTo("deleted by ann");
    assertThat(agent.post("/api/userJob/job_del", request).statusCode()).isEqualTo(200);
    assertNothingHeld(id);
    // A callback that was owed would be sent before the one of a later job.
    String later = agent.create(body("true"));
    onlyCallback(later);
    assertThat(callbacks.about(id)).isEmpty();
  }

  @Test
  void aQueuedJobThatIsDeletedNeverStarts() {
    List<String> all =
        List.of(
            agent.create(body("sleep 600").put("gpuNumber", 4)),
            agent.create(body("true").put("gpuNumber", 4)));
    Awaitility.await("the second to wait for the first")
        .atMost(SOON)
        .until(
            () -> agent.detail(all.get(1)).getString("reason"),
            reason -> reason != null && reason.startsWith("waits for 4"));
    agent.post("/api/userJob/job_del", new JsonObject().put("job_id", all.get(1)));
    assertThat(agent.status(all.get(1)).getString("status")).isEqualTo("fail");
    agent.post("/api/userJob/job_del", new JsonObject().put("job_id", all.get(0)));
    agent.awaitEnd(all.get(0), SOON);
    assertThat(agent.detail(all.get(1)).containsKey("startedAt")).isFalse();
  }

  private static void writeInto(Path file) {
    try {
      Files.writeString(file, "");
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
