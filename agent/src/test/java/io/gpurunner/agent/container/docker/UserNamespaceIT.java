package io.gpurunner.agent.container.docker;

import static io.gpurunner.agent.container.ContainerRef.unrecorded;
import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerRoot;
import io.gpurunner.agent.container.ContainerSpec;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.agent.run.LocalSpecs;
import io.gpurunner.api.ImageReference;
import io.gpurunner.api.JobId;
import io.gpurunner.gpu.NoGpuInventory;
import io.gpurunner.storage.FileWork;
import io.gpurunner.storage.JobPaths;
import io.gpurunner.storage.JobVolumes;
import io.gpurunner.storage.Library;
import io.gpurunner.storage.VolumeSettings;
import io.gpurunner.storage.Volumes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;

/**
 * Tests jobs on a real engine with {@code userns-remap}: root of their containers is user 300000 of
 * this machine. The engine sees files of the test in place of /etc/subuid and /etc/subgid.
 */
@TestInstance(Lifecycle.PER_CLASS)
final class UserNamespaceIT {
  private static final int ROOT_OF_CONTAINERS = 300_000;

  private Path folder;
  private PrivateEngine dockerd;
  private TestEngine engine;

  @BeforeAll
  void startEngine() throws IOException {
    folder = Files.createTempDirectory("gr");
    // The engine refuses a directory that root of containers may not enter.
    Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwx--x--x"));
    for (String file : List.of("subuid", "subgid")) {
      Files.writeString(folder.resolve(file), "daemon:%d:65536\n".formatted(ROOT_OF_CONTAINERS));
    }
    Path programs = Files.createDirectory(folder.resolve("bin"));
    Path dockerdOfTheTest = programs.resolve("dockerd");
    Files.writeString(
        dockerdOfTheTest,
        """
        #!/bin/sh
        export PATH=/usr/sbin:/usr/bin:/sbin:/bin
        exec unshare --mount sh -ec '
          mount --bind %1$s/subuid /etc/subuid
          mount --bind %1$s/subgid /etc/subgid
          exec dockerd "$@"' sh "$@"
        """
            .formatted(folder));
    Files.setPosixFilePermissions(dockerdOfTheTest, PosixFilePermissions.fromString("rwxr-xr-x"));
    dockerd = new PrivateEngine(folder, programs, List.of("--userns-remap=daemon:daemon"));
    try (TestEngine given = new TestEngine()) {
      dockerd.copyImage(given.connection(), TestEngine.image());
    }
    engine = new TestEngine(dockerd.host(), GpuAccessMode.NONE);
  }

  @AfterAll
  void stopEngine() throws IOException {
    engine.close();
    dockerd.close();
    try (Stream<Path> all = Files.walk(folder)) {
      all.sorted(Comparator.reverseOrder()).forEach(path -> path.toFile().delete());
    }
  }

  @Test
  void theEngineIsUnderstood() {
    assertThat(engine.engine().probe().containerRoot())
        .contains(new ContainerRoot(ROOT_OF_CONTAINERS, ROOT_OF_CONTAINERS));
    engine.engine().probe().probe();
    engine.engine().probe().tryStart();
  }

  /** Root of the container may do with its directories what it may do without the namespace. */
  @Test
  void aJobOwnsItsDirectoriesAndIsNobodyElseOnTheMachine() throws IOException {
    Job job =
        Job.created(
            JobId.random(),
            "ann",
            1,
            Clock.systemUTC().instant(),
            Requests.simple().gpus(0).build());
    ContainerName name = new ContainerName(job.id(), 1);
    try (JobVolumes volumes =
        Volumes.open(
            new VolumeSettings(folder.resolve("state"), VolumeSettings.Enforcement.WATCH))) {
      JobPaths paths = volumes.prepare(job.folder(), 1 << 20, 1 << 20);
      Path library = folder.resolve("library");
      Files.createDirectories(library.resolve("train-dataset"));
      LocalSpecs specs =
          new LocalSpecs(
              volumes,
              new Library("library.datasets", library),
              new Library("library.models", library),
              new NoGpuInventory(Clock.systemUTC()),
              1L << 30,
              new FileWork(),
              engine.engine().probe());
      engine.start(
          running(
              specs.specFor(job, name, List.of()),
              "touch $CKPT_PATH/a && mkdir -m 700 $MODEL_PATH/b && chmod 750 $MODEL_PATH"
                  + " && chown 7:7 $CKPT_PATH && stat -c %u $CKPT_PATH/a $MODEL_PATH; sleep 1000"));
      engine.awaitOutput(name, "0\n0\n");
      assertThat(owner(paths.model())).isEqualTo(ROOT_OF_CONTAINERS);
      assertThat(owner(paths.model().resolve("b"))).isEqualTo(ROOT_OF_CONTAINERS);
      assertThat(owner(paths.checkpoint())).isEqualTo(ROOT_OF_CONTAINERS + 7);
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(paths.model())))
          .isEqualTo("rwxr-x---");
      // A user of the machine is another user, so the kernel shows him no variable of the job.
      assertThat(owner(Path.of("/proc/" + processOf(name)))).isEqualTo(ROOT_OF_CONTAINERS);
      // The next run finds what this one made of its directories.
      specs.specFor(job, name, List.of());
      assertThat(owner(paths.checkpoint())).isEqualTo(ROOT_OF_CONTAINERS + 7);
      engine.engine().containers().kill(unrecorded(name));
      engine.awaitExit(name);
    }
  }

  private static ContainerSpec running(ContainerSpec spec, String script) {
    return new ContainerSpec(
        spec.name(),
        ImageReference.of(TestEngine.image()),
        List.of("/bin/sh", "-c", script),
        spec.environment(),
        spec.mounts(),
        spec.gpus(),
        spec.sharedMemoryBytes());
  }

  private static int owner(Path file) throws IOException {
    return (int) Files.getAttribute(file, "unix:uid");
  }

  private long processOf(ContainerName name) {
    return engine
        .connection()
        .inspect(
            "inspecting " + name,
            "/containers/" + name + "/json",
            answer -> answer.path("State").path("Pid").asLong())
        .orElseThrow();
  }
}
