package io.gpurunner.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonObject;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicReference;

/** A job of the load test: what its program does, and how it must end. Thread-safe. */
final class LoadJob {
  /** What a job's program does. */
  enum Kind {
    NOTHING("true", 0, "success", ""),
    ONE_FILE("/bin/sh -c 'echo w $JOB_ID > $MODEL_PATH/ds_model.bin'", 0, "success", ""),
    FILES(
        "/bin/sh -c 'mkdir $MODEL_PATH/a; for f in one a/two three; do echo $f $JOB_ID > $MODEL_PATH/$f; done'",
        0,
        "success",
        ""),
    ON_A_GPU("/bin/sh -c 'echo $CUDA_VISIBLE_DEVICES > $MODEL_PATH/gpus'", 1, "success", ""),
    ON_TWO_GPUS("/bin/sh -c 'echo $CUDA_VISIBLE_DEVICES > $MODEL_PATH/gpus'", 2, "success", ""),
    FAILING("/bin/sh -c 'echo w > $MODEL_PATH/half; exit 3'", 0, "fail", "exit code 3"),
    FAILING_ON_A_GPU("/bin/sh -c 'exit 4'", 1, "fail", "exit code 4"),
    NO_SUCH_PROGRAM("there-is-no-such-program", 0, "fail", "exit code 127"),
    /** Fails in its first run and succeeds in the second. */
    RETRIED(
        "/bin/sh -c '[ -e $CKPT_PATH/tried ] || { touch $CKPT_PATH/tried; exit 5; }; echo w $JOB_ID > $MODEL_PATH/ds_model.bin'",
        0,
        "success",
        ""),
    /** Reaches its stop time, and saves its model on SIGTERM. */
    STOPPED(
        "/bin/sh -c 'trap \"echo w $JOB_ID > $MODEL_PATH/ds_model.bin; exit 0\" TERM; while :; do sleep 0.2; done'",
        0,
        "success",
        ""),
    DELETED("sleep 600", 0, "fail", "deleted by");

    private final String runCommand;
    private final int gpus;
    private final String status;
    private final String reason;

    Kind(String runCommand, int gpus, String status, String reason) {
      this.runCommand = runCommand;
      this.gpus = gpus;
      this.status = status;
      this.reason = reason;
    }

    String status() {
      return status;
    }

    /** Returns words of the reason. They are empty if there is no reason. */
    String reason() {
      return reason;
    }

    /** Returns the text of each published file by its name. */
    Map<String, String> filesLeft(String jobId) {
      return switch (this) {
        case ONE_FILE, RETRIED, STOPPED -> Map.of("ds_model.bin", "w " + jobId + "\n");
        case FILES ->
            new TreeMap<>(
                Map.of(
                    "one", "one " + jobId + "\n",
                    "a/two", "a/two " + jobId + "\n",
                    "three", "three " + jobId + "\n"));
        case ON_A_GPU -> Map.of("gpus", "0\n");
        case ON_TWO_GPUS -> Map.of("gpus", "0,1\n");
        case NOTHING, FAILING, FAILING_ON_A_GPU, NO_SUCH_PROGRAM, DELETED -> Map.of();
      };
    }
  }

  /** A few jobs of several kinds, so that every pool was used once. */
  static final Map<Kind, Integer> WARM_UP =
      new TreeMap<>(
          Map.of(
              Kind.NOTHING, 4,
              Kind.ONE_FILE, 8,
              Kind.FILES, 6,
              Kind.ON_A_GPU, 4,
              Kind.FAILING, 4,
              Kind.DELETED, 4));

  /** 500 jobs. */
  static final Map<Kind, Integer> LOAD =
      new TreeMap<>(
          Map.ofEntries(
              Map.entry(Kind.NOTHING, 140),
              Map.entry(Kind.ONE_FILE, 80),
              Map.entry(Kind.FILES, 30),
              Map.entry(Kind.ON_A_GPU, 50),
              Map.entry(Kind.ON_TWO_GPUS, 15),
              Map.entry(Kind.FAILING, 40),
              Map.entry(Kind.FAILING_ON_A_GPU, 15),
              Map.entry(Kind.NO_SUCH_PROGRAM, 10),
              Map.entry(Kind.RETRIED, 15),
              Map.entry(Kind.STOPPED, 5),
              Map.entry(Kind.DELETED, 100)));

  private final Kind kind;
  private final String user;
  private final String key;
  private final CallbackReceiver receiver;
  private final AtomicReference<Optional<String>> id = new AtomicReference<>(Optional.empty());

  /**
   * @param key the idempotency key of its request
   * @param receiver receives its callback
   */
  LoadJob(Kind kind, String user, String key, CallbackReceiver receiver) {
    this.kind = kind;
    this.user = user;
    this.key = key;
    this.receiver = receiver;
  }

  Kind kind() {
    return kind;
  }

  String user() {
    return user;
  }

  String key() {
    return key;
  }

  CallbackReceiver receiver() {
    return receiver;
  }

  JsonObject body() {
    JsonObject body =
        AgentUnderTest.body(kind.runCommand)
            .put("gpuNumber", kind.gpus)
            .put("ckptVol", "10")
            .put("modelVol", "10")
            .put("callbackUrl", receiver.url());
    return switch (kind) {
      case RETRIED -> body.put("retries", 1);
      case STOPPED -> body.put("stopType", "1").put("stopTime", 1);
      case NOTHING,
          ONE_FILE,
          FILES,
          ON_A_GPU,
          ON_TWO_GPUS,
          FAILING,
          FAILING_ON_A_GPU,
          NO_SUCH_PROGRAM,
          DELETED ->
          body;
    };
  }

  /** Records the id of an answer. Every answer must have the same id. */
  void isKnownAs(String jobId) {
    Optional<String> before = id.getAndSet(Optional.of(jobId));
    before.ifPresent(known -> assertThat(jobId).isEqualTo(known));
  }

  String id() {
    return id.get().orElseThrow();
  }
}
