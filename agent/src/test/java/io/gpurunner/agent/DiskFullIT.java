package io.gpurunner.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A disk fills up, in part or to the last byte, and is emptied again: the disk of the whole state
 * directory, that of the ledger alone, or that of the jobs' directories alone. Real file systems in
 * loop files, a real Docker engine, the local store.
 */
class DiskFullIT {
  private static final Duration SOON = Duration.ofMinutes(3);
  private static final String UNTIL_TOLD =
      "echo weights > $MODEL_PATH/ds_model.bin; while [ ! -e $CKPT_PATH/go ]; do sleep 0.1; done";

  /** The size of the disk. The agent keeps one gigabyte as its reserve. */
  private static final int DISK_GIGABYTES = 3;

  private static final long STILL_FREE_BYTES = 200L << 20;
  private static final int LEDGER_DISK_MEGABYTES = 160;

  @TempDir private Path directory;

  @SuppressWarnings("NullAway.Init") // created before the test
  private Path disk;

  /** The mount points, the last one first. */
  private final Deque<String> mounts = new ArrayDeque<>();

  @BeforeEach
  void mount() throws Exception {
    disk = Files.createDirectory(directory.resolve("disk"));
    mountNew("disk", DISK_GIGABYTES << 10);
  }

  /** Mounts a new disk at a place. */
  private void mountNew(String where, int megabytes) throws Exception {
    shell(
        "mkdir -p %1$s && truncate -s %2$dM disk%3$d.img && mkfs.ext4 -q -m 0 disk%3$d.img && mount -o loop disk%3$d.img %1$s"
            .formatted(where, megabytes, mounts.size()));
    mounts.push(where);
  }

  /** Mounts a directory of another disk at a place. */
  private void bind(String from, String where) throws Exception {
    shell("mkdir -p %1$s %2$s && mount --bind %1$s %2$s".formatted(from, where));
    mounts.push(where);
  }

  @AfterEach
  void unmount() throws Exception {
    Containers containers = new Containers();
    containers.ofStateDirectory(disk.resolve("state")).forEach(containers::removeQuietly);
    for (String mount : mounts) {
      shell("umount " + mount);
    }
  }

  private void shell(String script) throws Exception {
    Process sh =
        new ProcessBuilder("sh", "-c", script).directory(directory.toFile()).inheritIO().start();
    assertThat(sh.waitFor()).as(script).isZero();
  }

  @Test
  void theDiskFillsUpAndIsEmptiedAgain() throws Exception {
    try (AgentUnderTest agent =
        new AgentUnderTest(disk, "{ type: local }", AgentUnderTest.simulatedGpus(), "boot-1")) {
      agent.awaitReady();
      Containers containers = new Containers();
      String limited =
          agent.create(
              body("while true; do sleep 0.1; done").put("stopType", 1).put("stopTime", 1));
      String ending = agent.create(body(UNTIL_TOLD));
      agent.awaitState(limited, "RUNNING", SOON);
      agent.awaitState(ending, "RUNNING", SOON);
      Instant deadline = Instant.parse(agent.detail(limited).getString("deadline"));

      // The disk is full except for the reserve: no new jobs, and running ones go on.
      long free = Files.getFileStore(disk).getUsableSpace();
      shell("fallocate -l %d disk/others".formatted(free - STILL_FREE_BYTES));
      Awaitility.await("readiness to report it")
          .atMost(SOON)
          .until(() -> agent.readiness().statusCode() == 503);
      HttpResponse<String> refused = agent.post("/api/userJob", body("true"));
      assertThat(refused.statusCode()).isEqualTo(503);
      assertThat(refused.headers().firstValue("Retry-After")).isPresent();
      assertThat(refused.body())
          .contains("the disk of jobs' directories is full", "remove files", "state-dir");
      Files.writeString(agent.jobDirectory(ending).resolve("checkpoint/go"), "");
      agent.awaitState(ending, "UPLOADING", SOON);
      assertThat(containers.of(ending)).isEmpty();
      Awaitility.await("the upload to find the disk full")
          .atMost(SOON)
          .until(() -> agent.detail(ending).encode(), events -> events.contains("is full"));

      // Somebody else fills the disk to the last byte: stop times are still kept.
      shell(
          "dd if=/dev/zero of=disk/rest bs=64k 2>dd.log || dd if=/dev/zero bs=4k >>disk/rest"
              + " 2>dd.log || true");
      assertThat(Files.getFileStore(disk).getUsableSpace()).isLessThan(64 << 10);
      Awaitility.await("the container to be stopped at its stop time")
          .pollInterval(Duration.ofMillis(100))
          .atMost(Duration.between(Instant.now(), deadline).plus(SOON))
          .until(() -> containers.running(limited).isEmpty());
      assertThat(Instant.now()).isAfter(deadline);
      assertThat(agent.get("/health/live").statusCode()).isEqualTo(200);
      assertThat(agent.post("/api/userJob", body("true")).statusCode()).isEqualTo(503);

      // An agent that is started on a full disk comes up, and continues its work.
      agent.stop();
      agent.startUnready("boot-1");
      Awaitility.await("the next agent to answer")
          .atMost(SOON)
          .until(() -> agent.get("/health/live").statusCode() == 200);
      assertThat(agent.readiness().statusCode()).isEqualTo(503);
      assertThat(agent.post("/api/userJob", body("true")).statusCode()).isEqualTo(503);
      assertThat(agent.status(limited).getString("status")).isEqualTo("working");
      assertThat(agent.status(ending).getString("status")).isEqualTo("working");
      assertThat(Files.getFileStore(disk).getUsableSpace()).isLessThan(STILL_FREE_BYTES);

      Files.delete(disk.resolve("rest"));
      Files.delete(disk.resolve("others"));
      agent.awaitReady();
      agent.awaitState(limited, "SUCCEEDED", SOON);
      assertThat(agent.detail(limited).encode()).contains("stop time reached");
      agent.awaitState(ending, "SUCCEEDED", SOON);
      assertThat(agent.fetch(agent.status(ending).getString("url")))
          .asString()
          .isEqualTo("weights\n");
      String next = agent.create(body("true"));
      agent.awaitState(next, "SUCCEEDED", SOON);
      for (String job : new String[] {limited, ending, next}) {
        assertThat(containers.of(job)).isEmpty();
      }
      assertNothingHalfWritten();
    }
  }

  @Test
  void theDiskOfJobsDirectoriesAloneFillsUp() throws Exception {
    mountNew("disk/state/jobs", DISK_GIGABYTES << 10);
    Path jobs = disk.resolve("state/jobs");
    try (AgentUnderTest agent =
        new AgentUnderTest(disk, "{ type: local }", AgentUnderTest.simulatedGpus(), "boot-1")) {
      agent.awaitReady();
      String ending = agent.create(body(UNTIL_TOLD));
      agent.awaitState(ending, "RUNNING", SOON);
      String filling =
          agent.create(body("cat /dev/zero > $CKPT_PATH/all; exit 3").put("ckptVol", 1_500));
      agent.awaitState(filling, "RUNNING", SOON);
      shell(
          "fallocate -l %d disk/state/jobs/others"
              .formatted(Files.getFileStore(jobs).getUsableSpace() - STILL_FREE_BYTES));
      agent.awaitState(filling, "FAILED", SOON);
      Awaitility.await("readiness to report it")
          .atMost(SOON)
          .until(
              () -> agent.readiness().body(),
              body -> body.contains("the disk of jobs' directories is full"));
      assertThat(agent.post("/api/userJob", body("true")).statusCode()).isEqualTo(503);
      Files.delete(agent.jobDirectory(filling).resolve("checkpoint/all"));

      // The running job goes on, and its artifact, on the other disk, is whole.
      Files.writeString(agent.jobDirectory(ending).resolve("checkpoint/go"), "");
      agent.awaitState(ending, "SUCCEEDED", SOON);
      assertThat(agent.fetch(agent.status(ending).getString("url")))
          .asString()
          .isEqualTo("weights\n");
      assertThat(agent.readiness().statusCode()).isEqualTo(503);

      Files.delete(jobs.resolve("others"));
      agent.awaitReady();
      agent.awaitState(agent.create(body("true")), "SUCCEEDED", SOON);
      assertNothingHalfWritten();
    }
  }

  @Test
  void theDiskOfTheLedgerAloneFillsUp() throws Exception {
    mountNew("disk/state", LEDGER_DISK_MEGABYTES);
    bind("disk/other/jobs", "disk/state/jobs");
    bind("disk/other/artifacts", "disk/state/artifacts");
    try (AgentUnderTest agent =
        new AgentUnderTest(disk, "{ type: local }", AgentUnderTest.simulatedGpus(), "boot-1")) {
      agent.awaitReady();
      String ending = agent.create(body(UNTIL_TOLD));
      agent.awaitState(ending, "RUNNING", SOON);
      // It holds a device, so that jobs that ask for all devices wait.
      String holding = agent.create(body("while true; do sleep 0.1; done"));
      agent.awaitState(holding, "RUNNING", SOON);
      Creates creates = new Creates(agent);
      creates.awaitAnswers(10);
      shell(
          "dd if=/dev/zero of=disk/state/rest bs=64k 2>dd.log || dd if=/dev/zero bs=1k"
              + " >>disk/state/rest 2>dd.log || true");
      assertThat(Files.getFileStore(disk.resolve("state")).getUsableSpace()).isLessThan(16 << 10);

      Files.writeString(agent.jobDirectory(ending).resolve("checkpoint/go"), "");
      agent.awaitState(ending, "SUCCEEDED", SOON);
      assertThat(agent.fetch(agent.status(ending).getString("url")))
          .asString()
          .isEqualTo("weights\n");
      Awaitility.await("a job to be refused")
          .atMost(SOON)
          .pollInterval(Duration.ofSeconds(1))
          .until(
              creates::create,
              answer ->
                  answer.statusCode() == 503
                      && answer.body().contains("ledger is full")
                      && answer.body().contains("MB on it"));
      creates.awaitAnswers(10);
      long before = creates.accepted().size();

      Files.delete(disk.resolve("state/rest"));
      Awaitility.await("readiness to come back")
          .atMost(SOON)
          .until(() -> agent.readiness().statusCode() == 200);
      Awaitility.await("jobs to be taken again")
          .atMost(SOON)
          .until(() -> creates.accepted().size() > before);
      creates.end();
      String next = agent.create(body("true"));
      agent.awaitState(next, "SUCCEEDED", SOON);
      assertNothingHalfWritten();

      // Every answer was true: a job exists for each id that was answered, and no other job does.
      assertThat(creates.statuses()).containsOnly(200, 503).contains(200, 503);
      assertThere(agent, creates.accepted(), 3);
      agent.restart("boot-1");
      assertThere(agent, creates.accepted(), 3);
    }
  }

  /** A client that creates jobs all the time, and keeps each answer. Thread-safe. */
  private static final class Creates {
    private static final long PAUSE_MILLIS = 50;

    private final AgentUnderTest agent;
    private final Queue<Integer> statuses = new ConcurrentLinkedQueue<>();
    private final Queue<String> accepted = new ConcurrentLinkedQueue<>();
    private final ScheduledThreadPoolExecutor client =
        new ScheduledThreadPoolExecutor(1, Thread.ofPlatform().daemon().name("client").factory());
    private final ScheduledFuture<?> creating;

    Creates(AgentUnderTest agent) {
      this.agent = agent;
      this.creating =
          client.scheduleWithFixedDelay(this::create, 0, PAUSE_MILLIS, TimeUnit.MILLISECONDS);
    }

    /** Creates one more job, which is long, and asks for all devices of the machine. */
    HttpResponse<String> create() {
      HttpResponse<String> answer =
          agent.post(
              "/api/userJob",
              body("true " + "x".repeat(30_000)).put("gpuNumber", 4).put("priority", -1));
      statuses.add(answer.statusCode());
      if (answer.statusCode() == 200) {
        accepted.add(new JsonObject(answer.body()).getString("job_id"));
      }
      return answer;
    }

    /** Waits for so many more answers. */
    void awaitAnswers(int count) {
      int before = statuses.size();
      Awaitility.await("answers to creates")
          .atMost(SOON)
          .until(() -> statuses.size() >= before + count);
    }

    /** Stops the client, and waits until its last request is answered. */
    void end() throws InterruptedException {
      creating.cancel(false);
      client.shutdown();
      assertThat(client.awaitTermination(SOON.toSeconds(), TimeUnit.SECONDS)).isTrue();
      assertThat(creating.state()).isEqualTo(Future.State.CANCELLED);
    }

    Set<Integer> statuses() {
      return Set.copyOf(statuses);
    }

    Set<String> accepted() {
      return Set.copyOf(accepted);
    }
  }

  /** Checks that the agent has these waiting jobs, and so many others. */
  private static void assertThere(AgentUnderTest agent, Set<String> waiting, int others) {
    for (String job : waiting) {
      assertThat(agent.status(job).getString("status")).as(job).isEqualTo("working");
    }
    assertThat(new JsonObject(agent.get("/api/userJob").body()).getLong("totalElements"))
        .isEqualTo(waiting.size() + others);
  }

  private static JsonObject body(String script) {
    return AgentUnderTest.body("/bin/sh -c '" + script + "'").put("ckptVol", 1).put("modelVol", 1);
  }

  private void assertNothingHalfWritten() throws IOException {
    assertThat(disk.resolve("state/artifacts/.incoming")).isEmptyDirectory();
    try (Stream<Path> all = Files.walk(disk.resolve("state"))) {
      assertThat(all.map(Path::toString))
          .noneMatch(path -> path.endsWith(".part") || path.endsWith(".compacted"));
    }
  }
}
