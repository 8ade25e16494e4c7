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
        bundle=$(sed 's/.*"bundle":"\\([^"]*\\)".*/\\1/')
        cp "$bundle/config.json" %s/"$1".$$
        """
            .formatted(records));
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
      assertThatThrownBy(() -> engine.engine().probe().tryStart(LEASED))
          .isInstanceOf(ContainerException.class)
          .hasMessageContaining("hook");
      engine.engine().probe().tryStart(List.of());
    } finally {
      Files.move(away, records);
    }
  }

  @Test
  void aTrialWithGpusReachesTheHook() throws IOException {
    engine.engine().probe().tryStart(LEASED);
    assertThat(records()).hasSize(1);
    assertThat(engine.engine().containers().list())
        .extracting(LabelledContainer::engineName)
        .noneMatch(name -> name.contains("trial"));
  }

  @Test
  void devicesOnAnEngineWithoutTheHookAreRefused() {
    try (TestEngine plain = new TestEngine()) {
      assertThatThrownBy(
              () ->
                  new TestEngine(plain.settings().host(), GpuAccessMode.RUNTIME)
                      .engine()
                      .probe()
                      .probe())
          .isInstanceOfSatisfying(
              ContainerException.class, e -> assertThat(e.kind()).isEqualTo(Kind.GPUS_UNFIT));
    }
  }
}
