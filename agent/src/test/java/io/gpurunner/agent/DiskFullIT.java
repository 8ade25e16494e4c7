package io.gpurunner.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The disk under everything the agent keeps fills up, in part and then to the last byte, and is
 * emptied again. A real file system, in a file of its own; real Docker engine, local store.
 */
class DiskFullIT {
  private static final Duration SOON = Duration.ofSeconds(60);
  private static final Duration GRACE = Duration.ofSeconds(2);

  /** Of which the agent keeps one as its reserve. */
  private static final int DISK_GIGABYTES = 3;

  private static final long STILL_FREE_BYTES = 200L << 20;

  @TempDir private Path directory;

  @SuppressWarnings("NullAway.Init") // made before the test
  private Path disk;

  @BeforeEach
  void mount() throws Exception {
    disk = Files.createDirectory(directory.resolve("disk"));
    shell(
        "truncate -s %dG disk.img && mkfs.ext4 -q -m 0 disk.img && mount -o loop disk.img disk"
            .formatted(DISK_GIGABYTES));
  }

  @AfterEach
  void unmount() throws Exception {
    shell("umount disk");
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
      String ending =
          agent.create(
              body(
                  "echo weights > $MODEL_PATH/ds_model.bin; while [ ! -e $CKPT_PATH/go ]; do sleep 0.1; done"));
      agent.awaitState(limited, "RUNNING", SOON);
      agent.awaitState(ending, "RUNNING", SOON);
      Instant deadline = Instant.parse(agent.detail(limited).getString("deadline"));

      // Into the reserve: no new jobs, and what runs goes on.
      long free = Files.getFileStore(disk).getUsableSpace();
      shell("fallocate -l %d disk/others".formatted(free - STILL_FREE_BYTES));
      Awaitility.await("readiness to tell")
          .atMost(SOON)
          .until(() -> agent.get("/health/ready").statusCode() == 503);
      HttpResponse<String> refused = agent.post("/api/userJob", body("true"));
      assertThat(refused.statusCode()).isEqualTo(503);
      assertThat(refused.headers().firstValue("Retry-After")).isPresent();
      assertThat(refused.body()).contains("the disk of jobs' directories is full", "remove files");
      Files.writeString(agent.jobDirectory(ending).resolve("checkpoint/go"), "");
      agent.awaitState(ending, "UPLOADING", SOON);
      assertThat(containers.of(ending)).isEmpty();
      Awaitility.await("the upload to find the disk full")
          .atMost(SOON)
          .until(() -> agent.detail(ending).encode(), events -> events.contains("is full"));

      // To the last byte, by somebody else, at once: stop times are kept all the same.
      shell(
          "dd if=/dev/zero of=disk/rest bs=64k 2>dd.log || dd if=/dev/zero bs=4k >>disk/rest 2>dd.log || true");
      assertThat(Files.getFileStore(disk).getUsableSpace()).isLessThan(64 << 10);
      Awaitility.await("the container to be stopped at its stop time")
          .pollInterval(Duration.ofMillis(100))
          .atMost(Duration.between(Instant.now(), deadline).plus(SOON))
          .until(() -> containers.running(limited).isEmpty());
      assertThat(Instant.now()).isBetween(deadline, deadline.plus(GRACE).plusSeconds(15));
      assertThat(agent.get("/health/live").statusCode()).isEqualTo(200);
      assertThat(agent.post("/api/userJob", body("true")).statusCode()).isEqualTo(503);

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
