package io.gpurunner.agent.container.docker;

import static io.gpurunner.agent.container.ContainerRef.unrecorded;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerSpec;
import io.gpurunner.agent.container.ContainerSpec.GpuAttachment;
import io.gpurunner.agent.container.EngineProbe.GpuAccess;
import io.gpurunner.agent.container.LabelledContainer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;

/**
 * Tests on a real engine how a GPU gets into a container through the NVIDIA runtime hook. A script
 * in place of the hook records the container for which it was called. That record alone decides
 * what the real hook would attach.
 */
@TestInstance(Lifecycle.PER_CLASS)
final class NvidiaHookIT {
  private static final List<String> LEASED =
      List.of(
          "GPU-11111111-1111-4111-8111-111111111111", "GPU-22222222-2222-4222-8222-222222222222");

  /** The number of the device node of the first leased GPU. */
  private static final int MINOR = 3;

  private Path folder;
  private Path records;
  private TestEngine given;
  private PrivateEngine dockerd;
  private TestEngine engine;

  @BeforeAll
  void startEngine() throws IOException {
    given = new TestEngine();
    folder = Files.createTempDirectory("gr");
    records = Files.createDirectory(folder.resolve("records"));
    Path programs = Files.createDirectory(folder.resolve("bin"));
    Path hook = programs.resolve("nvidia-container-runtime-hook");
    Files.writeString(
        hook,
        """
        #!/bin/sh
        export PATH=/usr/sbin:/usr/bin:/sbin:/bin
        state=$(cat)
        bundle=$(echo "$state" | sed 's/.*"bundle":"\\([^"]*\\)".*/\\1/')
        pid=$(echo "$state" | sed 's/.*"pid":\\([0-9]*\\).*/\\1/')
        cp "$bundle/config.json" %1$s/"$1".$$ || exit 1
        if [ -e %2$s/refuses ] && grep -q "VISIBLE_DEVICES=[^\\"]*$(cat %2$s/refuses)" "$bundle/config.json"; then
          echo "nvidia-container-cli: device error: unknown device" >&2
          exit 1
        fi
        # What the real hook does: device nodes in the container. Here they have the numbers of /dev/null.
        root=$(sed 's/.*"root":{"path":"\\([^"]*\\)".*/\\1/' "$bundle/config.json")
        for minor in $(cat %2$s/attaches); do
          nsenter --mount=/proc/$pid/ns/mnt mknod -m 666 "$root/dev/nvidia$minor" c 1 3 || exit 1
        done
        """
            .formatted(records, folder));
    Files.setPosixFilePermissions(hook, PosixFilePermissions.fromString("rwxr-xr-x"));
    dockerd = new PrivateEngine(folder, programs, List.of("--add-runtime=nvidia=/usr/sbin/runc"));
    dockerd.copyImage(given.connection(), TestEngine.image());
    engine = new TestEngine(dockerd.host(), GpuAccessMode.AUTO);
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

  @BeforeEach
  void forgetRecords() throws IOException {
    try (Stream<Path> files = Files.list(records)) {
      files.forEach(file -> file.toFile().delete());
    }
    Files.deleteIfExists(folder.resolve("refuses"));
    hookAttaches(MINOR);
  }

  /** Sets which device nodes the hook puts into each container. */
  private void hookAttaches(Integer... minors) throws IOException {
    Files.writeString(
        folder.resolve("attaches"),
        Stream.of(minors).map(String::valueOf).collect(Collectors.joining(" ")));
  }

  private List<Path> records() throws IOException {
    try (Stream<Path> files = Files.list(records)) {
      return files.toList();
    }
  }

  private static ContainerSpec spec(GpuAttachment gpus, Map<String, String> environment) {
    ContainerSpec plain =
        TestEngine.spec(TestEngine.image(), List.of("env"), environment, List.of());
    return new ContainerSpec(
        plain.name(),
        plain.image(),
        plain.command(),
        plain.environment(),
        plain.mounts(),
        gpus,
        plain.sharedMemoryBytes());
  }

  @Test
  void theRuntimeIsFound() {
    assertThat(engine.engine().probe().probe().gpuAccess()).isEqualTo(GpuAccess.RUNTIME);
    assertThat(given.engine().probe().probe().gpuAccess()).isEqualTo(GpuAccess.NONE);
    assertThat(given.engine().probe().probe().gpuFault())
        .hasValueSatisfying(
            why ->
                assertThat(why)
                    .startsWith("no GPU can reach a container: ")
                    .contains("nvidia-container-toolkit"));
  }

  @Test
  void exactlyTheLeasedDevicesReachTheHook() throws IOException {
    ContainerName name =
        engine.start(
            spec(
                new GpuAttachment.Devices(LEASED),
                Map.of("CUDA_VISIBLE_DEVICES", "0,1", "NVIDIA_DRIVER_CAPABILITIES", "all")));
    assertThat(engine.awaitExit(name).exitCode()).isZero();
    assertThat(records()).hasSize(1);
    assertThat(records().getFirst().getFileName().toString()).startsWith("prestart.");
    JsonNode config = new ObjectMapper().readTree(records().getFirst().toFile());
    List<String> environment =
        StreamSupport.stream(config.path("process").path("env").spliterator(), false)
            .map(JsonNode::asText)
            .toList();
    // If there are several, the hook takes the last one.
    assertThat(environment.stream().filter(e -> e.startsWith("NVIDIA_VISIBLE_DEVICES=")))
        .isNotEmpty()
        .allMatch(("NVIDIA_VISIBLE_DEVICES=" + String.join(",", LEASED))::equals);
    assertThat(
            environment.stream()
                .filter(e -> e.startsWith("NVIDIA_DRIVER_CAPABILITIES="))
                .toList()
                .getLast()
                .substring("NVIDIA_DRIVER_CAPABILITIES=".length())
                .split(","))
        .containsExactlyInAnyOrder("compute", "utility", "video");
    assertThat(engine.output(name)).contains("CUDA_VISIBLE_DEVICES=0,1\n");
  }

  @Test
  void withoutGpusTheHookIsNotCalled() throws IOException {
    ContainerName name =
        engine.start(spec(new GpuAttachment.None(), Map.of("NVIDIA_VISIBLE_DEVICES", "all")));
    engine.awaitExit(name);
    assertThat(records()).isEmpty();
    assertThat(engine.output(name))
        .contains("NVIDIA_VISIBLE_DEVICES=void\n")
        .doesNotContain("NVIDIA_VISIBLE_DEVICES=all");
  }

  @Test
  void aHookThatFailsRefusesTheStart() throws IOException {
    Path away = records.resolveSibling("away");
    Files.move(records, away);
    try {
      ContainerSpec spec = spec(new GpuAttachment.Devices(LEASED), Map.of());
      engine.engine().containers().create(spec);
      assertThatThrownBy(() -> engine.engine().containers().start(unrecorded(spec.name())))
          .isInstanceOfSatisfying(
              ContainerException.class,
              e -> {
                assertThat(e.kind()).isEqualTo(Kind.MACHINE_UNFIT);
                assertThat(e).hasMessageContaining("hook");
              });
      // A trial with GPUs meets the same trouble, and one without does not.
      assertThatThrownBy(() -> tryFirst())
          .isInstanceOf(ContainerException.class)
          .hasMessageContaining("hook");
      engine.engine().probe().tryStart();
    } finally {
      Files.move(away, records);
    }
  }

  private void tryFirst() {
    engine.engine().probe().tryGpu(LEASED.getFirst(), OptionalInt.of(MINOR));
  }

  @Test
  void aTrialSeesExactlyItsGpu() throws IOException {
    tryFirst();
    assertThat(records()).hasSize(1);
    assertThat(engine.engine().containers().list())
        .extracting(LabelledContainer::engineName)
        .noneMatch(name -> name.contains("trial"));
  }

  @Test
  void aGpuThatTheHookLeavesOutIsFound() throws IOException {
    hookAttaches();
    assertUnfit("/dev/nvidia3 does not have it", "nvidia-ctk cdi generate");
    hookAttaches(0);
    assertUnfit("/dev/nvidia3 does not have it");
  }

  @Test
  void aGpuTooManyIsFound() throws IOException {
    hookAttaches(0, MINOR);
    assertUnfit("should get only /dev/nvidia3 got /dev/nvidia0, /dev/nvidia3");
  }

  @Test
  void aGpuThatTheHookRefusesIsUnfitAndAnotherIsNot() throws IOException {
    Files.writeString(folder.resolve("refuses"), LEASED.getFirst());
    assertUnfit("nvidia-container-cli: device error");
    engine.engine().probe().tryGpu(LEASED.getLast(), OptionalInt.of(MINOR));
  }

  @Test
  void aGpuWithoutANodeOnlyHasToStart() throws IOException {
    hookAttaches();
    engine.engine().probe().tryGpu(LEASED.getFirst(), OptionalInt.empty());
    assertThat(records()).hasSize(1);
  }

  private void assertUnfit(String... words) {
    assertThatThrownBy(this::tryFirst)
        .isInstanceOfSatisfying(
            ContainerException.class, e -> assertThat(e.kind()).isEqualTo(Kind.GPUS_UNFIT))
        .hasMessageContainingAll(words);
  }

  /** What an image asks for beside its GPUs is not attached. */
  @Test
  void anImageGetsNoMoreThanWasLeased() throws IOException {
    ContainerName name =
        engine.start(
            spec(
                new GpuAttachment.Devices(LEASED),
                Map.of("NVIDIA_IMEX_CHANNELS", "0", "NVIDIA_MIG_CONFIG_DEVICES", "all")));
    engine.awaitExit(name);
    assertThat(engine.output(name))
        .contains("NVIDIA_IMEX_CHANNELS=\n", "NVIDIA_MIG_CONFIG_DEVICES=\n");
  }

  @Test
  void devicesOnAnEngineWithoutTheHookAreRefused() {
    try (TestEngine plain = new TestEngine()) {
      TestEngine runtime = new TestEngine(plain.settings().host(), GpuAccessMode.RUNTIME);
      assertThat(runtime.engine().probe().probe().gpuFault().orElseThrow())
          .contains("docker.gpu-access is runtime", "nvidia-container-toolkit");
      ContainerSpec devices = spec(new GpuAttachment.Devices(LEASED), Map.of());
      for (TestEngine one : List.of(plain, runtime)) {
        assertThatThrownBy(() -> one.engine().containers().create(devices))
            .isInstanceOfSatisfying(
                ContainerException.class, e -> assertThat(e.kind()).isEqualTo(Kind.GPUS_UNFIT));
      }
      runtime.close();
    }
  }
}
