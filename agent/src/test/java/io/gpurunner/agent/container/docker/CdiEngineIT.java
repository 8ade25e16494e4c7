package io.gpurunner.agent.container.docker;

import static io.gpurunner.agent.container.ContainerRef.unrecorded;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerSpec;
import io.gpurunner.agent.container.ContainerSpec.GpuAttachment;
import io.gpurunner.agent.container.EngineProbe.GpuAccess;
import io.gpurunner.agent.container.LabelledContainer;
import io.gpurunner.api.ImageReference;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;

/**
 * Tests on a real engine that knows CDI how a GPU gets into a container. The specification is the
 * test's own. Its device nodes have the numbers of /dev/null, which every container may open.
 */
@TestInstance(Lifecycle.PER_CLASS)
final class CdiEngineIT {
  private static final String FIRST = "GPU-11111111-1111-4111-8111-111111111111";
  private static final String SECOND = "GPU-22222222-2222-4222-8222-222222222222";
  private static final String ABSENT = "GPU-33333333-3333-4333-8333-333333333333";
  private static final int FIRST_MINOR = 3;
  private static final int SECOND_MINOR = 0;

  private static final Duration RELOAD_LIMIT = Duration.ofSeconds(20);

  private Path folder;
  private Path specification;
  private TestEngine given;
  private PrivateEngine dockerd;
  private TestEngine engine;

  @BeforeAll
  void startEngine() throws IOException {
    given = new TestEngine();
    folder = Files.createTempDirectory("gr");
    Path specifications = Files.createDirectory(folder.resolve("cdi"));
    specification = specifications.resolve("nvidia.yaml");
    Path config =
        Files.writeString(
            folder.resolve("daemon.json"),
            "{\"features\":{\"cdi\":true},\"cdi-spec-dirs\":[\"%s\"]}".formatted(specifications));
    specify(node(FIRST_MINOR), node(SECOND_MINOR));
    dockerd = new PrivateEngine(folder, programs(), List.of("--config-file=" + config));
    dockerd.copyImage(given.connection(), TestEngine.image());
    engine = new TestEngine(dockerd.host(), GpuAccessMode.AUTO);
  }

  /**
   * Returns the programs of an engine that knows CDI, and fetches them if they are not here yet.
   */
  private static Path programs() throws IOException {
    Process script =
        new ProcessBuilder("../dev/cdi-engine")
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    String programs = new String(script.getInputStream().readAllBytes(), UTF_8).strip();
    assertThat(programs).as("what dev/cdi-engine prints").isNotEmpty();
    return Path.of(programs);
  }

  @AfterAll
  void stopEngine() throws IOException {
    engine.close();
    dockerd.close();
    given.close();
    try (Stream<Path> all = Files.walk(folder)) {
      all.sorted(Comparator.reverseOrder()).forEach(path -> path.toFile().delete());
    }
  }

  /** The engine reads a specification again some time after it has changed. */
  @BeforeEach
  void specifyBoth() throws IOException {
    specify(node(FIRST_MINOR), node(SECOND_MINOR));
    await().atMost(RELOAD_LIMIT).ignoreExceptions().untilAsserted(this::tryFirst);
  }

  private static String node(int minor) {
    return "{path: /dev/nvidia%d, type: c, major: 1, minor: 3, fileMode: 0666, permissions: rw}"
        .formatted(minor);
  }

  /** Writes the specification as nvidia-ctk does, with the nodes of each GPU. */
  private void specify(String first, String second) throws IOException {
    specify(first, second, "");
  }

  private void specify(String first, String second, String edits) throws IOException {
    // In place: this engine does not notice a file that is moved to the directory.
    Files.writeString(
        specification,
        """
        cdiVersion: 0.5.0
        kind: nvidia.com/gpu
        devices:
        - name: %s
          containerEdits: {deviceNodes: [%s]}
        - name: %s
          containerEdits: {deviceNodes: [%s]}
        containerEdits:
          env: [NVIDIA_VISIBLE_DEVICES=void]
        %s
        """
            .formatted(FIRST, first, SECOND, second, edits.indent(2).stripTrailing()));
  }

  private static ContainerSpec spec(String... gpus) {
    ContainerSpec plain =
        TestEngine.shell("cd /dev; ls -d nvidia*; env | grep NVIDIA_VISIBLE | sort");
    return new ContainerSpec(
        plain.name(),
        plain.image(),
        plain.command(),
        Map.of("NVIDIA_VISIBLE_DEVICES", "all"),
        plain.mounts(),
        gpus.length == 0 ? new GpuAttachment.None() : new GpuAttachment.Devices(List.of(gpus)),
        plain.sharedMemoryBytes());
  }

  private String outputOf(ContainerSpec spec) {
    ContainerName name = engine.start(spec);
    engine.awaitExit(name);
    return engine.output(name);
  }

  private void tryFirst() {
    engine.engine().probe().tryGpu(FIRST, OptionalInt.of(FIRST_MINOR));
  }

  private static void assertUnfit(Runnable action, String... words) {
    await()
        .atMost(RELOAD_LIMIT)
        .untilAsserted(
            () ->
                assertThatThrownBy(action::run)
                    .isInstanceOfSatisfying(
                        ContainerException.class,
                        e -> assertThat(e.kind()).as(e.getMessage()).isEqualTo(Kind.GPUS_UNFIT))
                    .hasMessageContainingAll(words));
  }

  @Test
  void cdiIsFoundAndPreferred() {
    assertThat(engine.engine().probe().probe().gpuAccess()).isEqualTo(GpuAccess.CDI);
    assertThat(engine.engine().probe().probe().gpuFault()).isEmpty();
  }

  @Test
  void exactlyTheLeasedDevicesAreInTheContainer() {
    assertThat(outputOf(spec(FIRST))).isEqualTo("nvidia3\nNVIDIA_VISIBLE_DEVICES=void\n");
    assertThat(outputOf(spec(FIRST, SECOND)))
        .isEqualTo("nvidia0\nnvidia3\nNVIDIA_VISIBLE_DEVICES=void\n");
    assertThat(outputOf(spec())).doesNotContain("nvidia0", "nvidia3", "=all");
  }

  @Test
  void aTrialSeesExactlyItsGpu() {
    tryFirst();
    engine.engine().probe().tryGpu(SECOND, OptionalInt.of(SECOND_MINOR));
    assertThat(engine.engine().containers().list())
        .extracting(LabelledContainer::engineName)
        .noneMatch(name -> name.contains("trial"));
  }

  @Test
  void aRunningContainerIsLookedAtForItsDevices() {
    ContainerSpec shape = spec(FIRST);
    ContainerSpec plain = TestEngine.shell("sleep 1000");
    ContainerName name =
        engine.start(
            new ContainerSpec(
                shape.name(),
                shape.image(),
                plain.command(),
                shape.environment(),
                shape.mounts(),
                shape.gpus(),
                shape.sharedMemoryBytes()));
    String id = engine.engine().containers().inspect(unrecorded(name)).orElseThrow().containerId();
    assertThat(missing(id, FIRST_MINOR)).isEmpty();
    assertThat(missing(id, FIRST_MINOR, SECOND_MINOR)).containsExactly(SECOND_MINOR);
    engine.engine().containers().kill(unrecorded(name));
    engine.awaitExit(name);
    assertThat(missing(id, SECOND_MINOR)).as("of a container that has ended").isEmpty();
    assertThat(missing("0".repeat(64), SECOND_MINOR)).as("of a container that is gone").isEmpty();
  }

  private Set<Integer> missing(String id, Integer... minors) {
    return engine.engine().probe().missingNodes(id, Set.of(minors));
  }

  @Test
  void aGpuThatTheSpecificationLacksIsUnfitByItself() {
    assertUnfit(
        () -> engine.engine().probe().tryGpu(ABSENT, OptionalInt.of(1)),
        "has no device nvidia.com/gpu=" + ABSENT,
        "nvidia-ctk cdi generate");
    assertUnfit(() -> engine.engine().containers().create(spec(ABSENT)), ABSENT);
    tryFirst();
  }

  @Test
  void withoutAnySpecificationTheAgentSaysWhatToDo() throws IOException {
    Files.delete(specification);
    assertUnfit(this::tryFirst, "no GPU can reach a container", "nvidia-ctk");
  }

  @Test
  void aSpecificationThatLiesIsFound() throws IOException {
    specify(node(SECOND_MINOR), node(SECOND_MINOR));
    assertUnfit(this::tryFirst, "/dev/nvidia3 does not have it");
    specify(node(FIRST_MINOR) + ", " + node(SECOND_MINOR), node(SECOND_MINOR));
    assertUnfit(this::tryFirst, "should get only /dev/nvidia3 got /dev/nvidia0, /dev/nvidia3");
  }

  /** After an update of the driver, an old specification names libraries that are gone. */
  @Test
  void aStaleMountOfALibraryFailsNoJob() throws IOException {
    specify(
        node(FIRST_MINOR),
        node(SECOND_MINOR),
        """
        mounts:
        - {hostPath: /no/such/libcuda.so.535.1, containerPath: /usr/lib/libcuda.so.535.1, options: [ro, bind]}
        """);
    assertUnfit(this::tryFirst, "libcuda.so.535.1");
    assertUnfit(() -> engine.start(spec(FIRST)), "libcuda.so.535.1");
  }

  @Test
  void aDeviceNodeThatIsMissingOnThisMachineFailsNoJob() throws IOException {
    specify("{path: /dev/nvidia3, hostPath: /dev/no-such-gpu}", node(SECOND_MINOR));
    assertUnfit(this::tryFirst, "/dev/no-such-gpu");
    engine.engine().probe().tryGpu(SECOND, OptionalInt.of(SECOND_MINOR));
  }

  /** After an update of the driver, an old specification names hooks that are gone. */
  @Test
  void aHookThatIsMissingFailsNoJob() throws IOException {
    specify(
        node(FIRST_MINOR),
        node(SECOND_MINOR),
        "hooks:\n- {hookName: createContainer, path: /no/such/nvidia-cdi-hook, args: [x]}\n");
    await()
        .atMost(RELOAD_LIMIT)
        .untilAsserted(
            () ->
                assertThatThrownBy(this::tryFirst)
                    .isInstanceOfSatisfying(
                        ContainerException.class,
                        e -> assertThat(e.kind()).as(e.getMessage()).isEqualTo(Kind.GPUS_UNFIT)));
  }

  /**
   * CVE-2025-23266: a hook of NVIDIA's runs as root of the host, with the container's variables. An
   * image with LD_PRELOAD=/proc/self/cwd/… ran its own code there.
   */
  @Test
  void whatAJobAndItsImageSetForTheLoaderReachesItsProgramAndNoHook() throws IOException {
    Path record = folder.resolve("hook-variables");
    Path hook = folder.resolve("hook");
    Files.writeString(hook, "#!/bin/sh\nexec /usr/bin/env >%s\n".formatted(record));
    Files.setPosixFilePermissions(hook, PosixFilePermissions.fromString("rwxr-xr-x"));
    specify(
        node(FIRST_MINOR),
        node(SECOND_MINOR),
        "hooks:\n- {hookName: createContainer, path: %s, args: [hook]}\n".formatted(hook));
    await()
        .atMost(RELOAD_LIMIT)
        .untilAsserted(
            () -> {
              tryFirst();
              assertThat(record).exists();
            });
    String image =
        imageWith("LD_PRELOAD=/proc/self/cwd/evil.so", "LD_LIBRARY_PATH=/proc/self/cwd", "OWN=1");
    try {
      for (List<String> command : List.of(List.<String>of(), List.of("env"))) {
        Files.delete(record);
        ContainerSpec shape = spec(FIRST);
        String output =
            outputOf(
                new ContainerSpec(
                    shape.name(),
                    ImageReference.of(image),
                    command,
                    Map.of("GLIBC_TUNABLES", "glibc.malloc.check=1", "LD_AUDIT", "/audit.so"),
                    List.of(),
                    shape.gpus(),
                    shape.sharedMemoryBytes()));
        assertThat(output.lines())
            .contains(
                "LD_PRELOAD=/proc/self/cwd/evil.so",
                "LD_LIBRARY_PATH=/proc/self/cwd",
                "LD_AUDIT=/audit.so",
                "GLIBC_TUNABLES=glibc.malloc.check=1",
                "OWN=1");
        assertThat(Files.readString(record)).doesNotContain("LD_", "GLIBC_TUNABLES", "evil");
      }
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

  /** Makes an image on the engine with these variables, whose own command is env. */
  private String imageWith(String... environment) {
    String image = "gpurunner-test-loader:" + UUID.randomUUID();
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
                    .withEnv(environment)
                    .withCmd("-c", "env")
                    .exec());
    return image;
  }
}
