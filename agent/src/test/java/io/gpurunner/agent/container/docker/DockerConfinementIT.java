package io.gpurunner.agent.container.docker;

import static io.gpurunner.agent.container.ContainerRef.unrecorded;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerSpec;
import io.gpurunner.agent.container.ContainerSpec.GpuAttachment;
import io.gpurunner.agent.container.ContainerSpec.Mount;
import io.gpurunner.agent.container.RunCommand;
import io.gpurunner.agent.container.StopRequest;
import io.gpurunner.api.AgentVariables;
import io.gpurunner.api.JobId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests from inside a container what a job sees and may do. */
final class DockerConfinementIT {
  /** CHOWN 0, DAC_OVERRIDE 1, FOWNER 3, FSETID 4, KILL 5, SETGID 6, SETUID 7 (capabilities(7)). */
  private static final String CAPABILITY_BITS = "00000000000000fb";

  private final TestEngine engine = new TestEngine();

  @AfterEach
  void removeContainers() {
    engine.close();
  }

  @Test
  void privilegesAreDropped() {
    String status = engine.run(TestEngine.shell("cat /proc/self/status"));
    assertThat(status)
        .containsPattern("NoNewPrivs:\\s+1\n")
        .containsPattern("CapBnd:\\s+" + CAPABILITY_BITS + "\n")
        .containsPattern("CapEff:\\s+" + CAPABILITY_BITS + "\n")
        .containsPattern("CapAmb:\\s+0000000000000000\n")
        // A seccomp filter is on.
        .containsPattern("Seccomp:\\s+2\n");
  }

  @Test
  void deviceNodesAndForgedPacketsCannotBeMade() {
    assertThat(
            engine.run(
                TestEngine.shell(
                    "mknod /tmp/d b 8 0 2>&1; ping -c1 127.0.0.1 2>&1; mount -t tmpfs x /mnt 2>&1;"
                        + " chroot / true 2>&1; echo end")))
        .contains("mknod: /tmp/d: Operation not permitted")
        .containsPattern("(?i)ping: .*(permitted|denied)")
        .containsPattern("mount: .*(permitted|denied)")
        .containsPattern("chroot: .*(permitted|denied)")
        .endsWith("end\n");
  }

  @Test
  void aReadOnlyMountCannotBeWrittenNorRemounted(@TempDir Path library) throws IOException {
    Files.writeString(library.resolve("data.csv"), "1,2\n");
    ContainerSpec spec =
        TestEngine.spec(
            TestEngine.image(),
            List.of(
                "/bin/sh",
                "-c",
                "cat /data/data.csv; touch /data/new 2>&1; echo x >> /data/data.csv;"
                    + " rm -f /data/data.csv 2>&1; mount -o remount,rw /data 2>&1; touch /data/new"),
            Map.of(),
            List.of(new Mount(library, "/data", true)));
    assertThat(engine.run(spec)).contains("1,2\n").contains("Read-only file system");
    assertThat(library.resolve("new")).doesNotExist();
    assertThat(library.resolve("data.csv")).hasContent("1,2");
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aReadOnlyMountCanBeBelowAWritableOneInAnyOrder(
      boolean writableFirst, @TempDir Path volume, @TempDir Path library) throws IOException {
    Path file = Files.writeString(library.resolve("data.csv"), "1,2\n");
    List<Mount> mounts = new ArrayList<>();
    mounts.add(new Mount(volume, "/work", false));
    mounts.add(new Mount(library, "/work/deep/data", true));
    mounts.add(new Mount(file, "/work/one.csv", true));
    if (!writableFirst) {
      Collections.reverse(mounts);
    }
    // The second run, a retry, finds what the engine made for the first one.
    for (int runs = 1; runs <= 2; runs++) {
      ContainerSpec spec =
          TestEngine.spec(
              TestEngine.image(),
              List.of(
                  "/bin/sh",
                  "-c",
                  "cat /work/deep/data/data.csv /work/one.csv >> /work/copy;"
                      + " touch /work/deep/data/new 2>&1; echo x >> /work/one.csv; echo end"),
              Map.of(),
              mounts);
      assertThat(engine.run(spec)).contains("Read-only file system").contains("end\n");
    }
    assertThat(volume.resolve("copy")).hasContent("1,2\n".repeat(4).strip());
    assertThat(volume.resolve("deep/data")).isEmptyDirectory();
    assertThat(volume.resolve("one.csv")).isEmptyFile();
    assertThat(file).hasContent("1,2");
    assertThat(library.resolve("new")).doesNotExist();
  }

  @Test
  void aWritableMountIsWritable(@TempDir Path volume) {
    ContainerSpec spec =
        TestEngine.spec(
            TestEngine.image(),
            List.of("/bin/sh", "-c", "echo weights > /model/w"),
            Map.of(),
            List.of(new Mount(volume, "/model", false)));
    engine.run(spec);
    assertThat(volume.resolve("w")).hasContent("weights");
  }

  @Test
  void sharedMemoryHasTheSizeAskedFor() {
    assertThat(engine.run(TestEngine.shell("df -k /dev/shm | tail -1")))
        .containsPattern("\\s" + TestEngine.SHARED_MEMORY_BYTES / 1024 + "\\s");
  }

  @Test
  void processesAreLimitedAndDieBeforeTheHosts() {
    String output =
        engine.run(
            TestEngine.shell(
                "cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null;"
                    + " cat /proc/1/oom_score_adj"));
    assertThat(output.lines()).containsExactly(Long.toString(HostSettings.PIDS_LIMIT), "500");
  }

  /** The devices are simulated, so the engine attaches none. */
  @Test
  void aJobWithGpusHasTheLimitsThatNvidiaAsksForIfTheEngineMayRaiseThem() {
    String question = "ulimit -l; ulimit -Hl; ulimit -s; ulimit -Hs";
    ContainerSpec without = TestEngine.shell(question);
    ContainerSpec with =
        new ContainerSpec(
            new ContainerName(JobId.random(), 1),
            without.image(),
            without.command(),
            Map.of(),
            List.of(),
            new GpuAttachment.Devices(List.of("GPU-a")),
            TestEngine.SHARED_MEMORY_BYTES);
    String enginesOwn = engine.run(without);
    boolean mayRaise = new EngineIdentity(engine.connection()).mayRaiseLimits();
    try (TestEngine simulated = new TestEngine(engine.settings().host(), GpuAccessMode.NONE)) {
      assertThat(simulated.run(with))
          .isEqualTo(mayRaise ? "unlimited\nunlimited\n65536\n65536\n" : enginesOwn);
    }
  }

  @Test
  void anInitReapsZombies() {
    String output =
        engine.run(
            TestEngine.shell(
                "cat /proc/1/comm; (sh -c 'sleep 0.2' &); sleep 1;"
                    + " grep -l '^State:.Z' /proc/[0-9]*/status; echo end"));
    assertThat(output).isEqualTo("docker-init\nend\n");
  }

  @ParameterizedTest
  @ValueSource(strings = {"%s; echo next", "true && %s", "%s | cat", "%s & wait; echo next"})
  void theProgramOfAShellCommandHasItsGrace(String form) {
    String program =
        "sh -c 'trap \"sleep 1; echo saved; exit 0\" TERM; echo ready;"
            + " while :; do sleep 0.1; done'";
    ContainerName name =
        engine.start(
            TestEngine.spec(
                TestEngine.image(),
                RunCommand.parse(String.format(form, program)),
                Map.of(),
                List.of()));
    engine.awaitOutput(name, "ready");
    engine.engine().containers().askToStop(unrecorded(name), StopRequest.none());
    assertThat(engine.awaitExit(name).exitCode()).isZero();
    assertThat(engine.output(name)).endsWith(form.contains("next") ? "saved\nnext\n" : "saved\n");
  }

  @Test
  void theEnvironmentIsTheSpecsAndNoGpuIsVisible() {
    // This image asks for all GPUs.
    String image = "gpurunner-test-wants-gpus:" + UUID.randomUUID();
    ContainerSpec base = TestEngine.shell("true");
    engine.engine().containers().create(base);
    engine
        .connection()
        .run(
            "making an image",
            CallLimits.CREATE,
            docker ->
                docker
                    .commitCmd(base.name().toString())
                    .withRepository(image.substring(0, image.indexOf(':')))
                    .withTag(image.substring(image.indexOf(':') + 1))
                    .withEnv("NVIDIA_VISIBLE_DEVICES=all", "CUDA_VISIBLE_DEVICES=0", "OWN=image")
                    .exec());
    try {
      ContainerSpec spec =
          TestEngine.spec(
              image, List.of("env"), Map.of("CUDA_VISIBLE_DEVICES", "", "A", "a b=c"), List.of());
      assertThat(engine.run(spec).lines())
          .contains("NVIDIA_VISIBLE_DEVICES=void", "CUDA_VISIBLE_DEVICES=", "A=a b=c", "OWN=image")
          .doesNotContain("NVIDIA_VISIBLE_DEVICES=all");
    } finally {
      engine.removeContainers();
      engine
          .connection()
          .run(
              "removing the image",
              CallLimits.QUICK,
              docker -> docker.removeImageCmd(image).withForce(true).exec());
    }
  }

  @Test
  void theImagesHealthCheckDoesNotRun() {
    ContainerSpec spec = TestEngine.shell("true");
    engine.engine().containers().create(spec);
    List<String> check =
        engine
            .connection()
            .inspect(
                "inspecting " + spec.name(),
                "/containers/" + spec.name() + "/json",
                answer -> answer.path("Config").path("Healthcheck").path("Test"))
            .orElseThrow()
            .valueStream()
            .map(JsonNode::asText)
            .toList();
    assertThat(check).containsExactly("NONE");
  }

  @Test
  void aJobSetsTheInitsVariablesButNotWhomASignalReaches() {
    ContainerSpec spec =
        TestEngine.spec(
            TestEngine.image(),
            List.of("env"),
            Map.of(AgentVariables.KILL_PROCESS_GROUP, "0", "TINI_VERBOSITY", "2"),
            List.of());
    assertThat(engine.run(spec).lines())
        .contains("TINI_KILL_PROCESS_GROUP=1", "TINI_VERBOSITY=2")
        .doesNotContain("TINI_KILL_PROCESS_GROUP=0");
  }

  @Test
  void withoutACommandTheImagesOwnRunsAndWithOneItIsReplaced() {
    ContainerSpec own =
        TestEngine.spec(TestEngine.image(), List.of("echo", "$HOME", "*"), Map.of(), List.of());
    // No shell interprets the command.
    assertThat(engine.run(own)).isEqualTo("$HOME *\n");
  }

  @Test
  void theNetworkIsNotTheHosts() throws IOException {
    assertThat(engine.run(TestEngine.shell("readlink /proc/self/ns/net")).strip())
        .isNotEqualTo(Files.readSymbolicLink(Path.of("/proc/self/ns/net")).toString());
  }
}
