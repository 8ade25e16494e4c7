package io.gpurunner.agent.container;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.container.ContainerSpec.GpuAttachment;
import io.gpurunner.agent.container.ContainerSpec.Mount;
import io.gpurunner.api.AgentVariables;
import io.gpurunner.api.ImageReference;
import io.gpurunner.api.JobId;
import io.gpurunner.api.JobRequest;
import io.gpurunner.api.JobType;
import io.gpurunner.api.LibraryMount;
import io.gpurunner.api.StopRule;
import io.gpurunner.storage.JobPaths;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class ContainerSpecsTest {
  private static final ContainerName NAME =
      new ContainerName(new JobId("aia1905cd8-650a-4cd9-b005-677ec3376db0"), 1);
  private static final JobPaths PATHS =
      new JobPaths(
          Path.of("/state/jobs/x"),
          Path.of("/state/jobs/x/ckpt"),
          Path.of("/state/jobs/x/model"),
          Path.of("/state/jobs/x/logs"));
  private static final long HOST_MEMORY = 512L << 30;

  private static JobRequest request(
      int gpuNumber, JobType type, Optional<String> command, Map<String, String> env) {
    return new JobRequest(
        gpuNumber,
        "NVIDIA-GeForce-RTX-3090",
        "/workspace/ckpt",
        10,
        "/workspace/model",
        10,
        ImageReference.of("registry.example.org/train:1"),
        type,
        new StopRule.NaturalEnd(),
        Optional.empty(),
        Optional.empty(),
        command,
        Optional.empty(),
        env,
        Optional.empty(),
        0,
        0,
        Optional.empty(),
        Map.of(),
        Optional.empty(),
        List.of());
  }

  private static ContainerSpec build(JobRequest request) {
    List<String> gpus = List.of("GPU-a", "GPU-b", "GPU-c").subList(0, request.gpuNumber());
    return ContainerSpecs.build(
        request, NAME, gpus, PATHS, Optional.empty(), Optional.empty(), HOST_MEMORY, 8);
  }

  @Test
  void aGeneralJobGetsItsPathsItsGpusAndItsCommand() {
    ContainerSpec spec =
        build(request(2, JobType.GENERAL, Optional.of("python train.py"), Map.of("A", "1")));
    assertThat(spec.command()).containsExactly("python", "train.py");
    assertThat(spec.gpus()).isEqualTo(new GpuAttachment.Devices(List.of("GPU-a", "GPU-b")));
    assertThat(spec.environment())
        .isEqualTo(
            Map.of(
                "A", "1",
                "JOB_ID", NAME.job().value(),
                "CKPT_PATH", "/workspace/ckpt",
                "MODEL_PATH", "/workspace/model",
                "PYTHONUNBUFFERED", "1",
                "CUDA_VISIBLE_DEVICES", "0,1"));
    assertThat(spec.mounts())
        .containsExactly(
            new Mount(PATHS.checkpoint(), "/workspace/ckpt", false),
            new Mount(PATHS.model(), "/workspace/model", false));
  }

  @Test
  void withoutACommandTheImagesOwnRuns() {
    assertThat(build(request(1, JobType.GENERAL, Optional.empty(), Map.of())).command()).isEmpty();
  }

  @Test
  void withoutGpusNoneIsVisible() {
    ContainerSpec spec = build(request(0, JobType.PYTORCH, Optional.empty(), Map.of()));
    assertThat(spec.gpus()).isEqualTo(new GpuAttachment.None());
    assertThat(spec.environment())
        .containsEntry("CUDA_VISIBLE_DEVICES", "")
        .containsEntry("PET_NPROC_PER_NODE", "1");
  }

  @Test
  void aJobCannotChooseItsGpus() {
    ContainerSpec spec =
        build(
            request(
                1,
                JobType.GENERAL,
                Optional.empty(),
                Map.of(
                    "CUDA_VISIBLE_DEVICES", "0,1,2",
                    "NVIDIA_VISIBLE_DEVICES", "all",
                    "NVIDIA_DRIVER_CAPABILITIES", "all")));
    assertThat(spec.environment())
        .containsEntry("CUDA_VISIBLE_DEVICES", "0")
        .doesNotContainKeys("NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES");
  }

  @Test
  void aPytorchJobUsesAllItsGpusWhateverItsVariablesSay() {
    assertThat(build(request(3, JobType.PYTORCH, Optional.empty(), Map.of())).environment())
        .containsEntry("PET_NPROC_PER_NODE", "3")
        .containsEntry("MASTER_ADDR", "127.0.0.1")
        .containsEntry("MASTER_PORT", "29500");
    assertThat(
            build(request(3, JobType.PYTORCH, Optional.empty(), Map.of("PET_NPROC_PER_NODE", "1")))
                .environment())
        .containsEntry("PET_NPROC_PER_NODE", "3");
  }

  @ParameterizedTest
  @EnumSource(JobType.class)
  void whatIsOursNoJobReplacesAndTheApiKnowsItsNames(JobType type) {
    ContainerSpec plain = build(request(2, type, Optional.empty(), Map.of()));
    Set<String> ours = new HashSet<>(AgentVariables.namesFor(type));
    assertThat(ours.remove(AgentVariables.KILL_PROCESS_GROUP))
        .isTrue(); // the engine's adapter sets it
    Set<String> set = new HashSet<>(plain.environment().keySet());
    set.remove("CUDA_VISIBLE_DEVICES"); // no job may even name it
    set.remove("PYTHONUNBUFFERED"); // each job may set it
    assertThat(set).isEqualTo(ours);

    Map<String, String> env =
        ours.stream().collect(Collectors.toMap(Function.identity(), name -> "the job's"));
    assertThat(build(request(2, type, Optional.empty(), env)).environment())
        .isEqualTo(plain.environment());
  }

  @Test
  void aTensorflowJobNeedsNothing() {
    assertThat(build(request(1, JobType.TENSORFLOW, Optional.empty(), Map.of())).environment())
        .containsOnlyKeys(
            "JOB_ID", "CKPT_PATH", "MODEL_PATH", "CUDA_VISIBLE_DEVICES", "PYTHONUNBUFFERED");
  }

  @Test
  void whetherPythonBuffersIsTheJobsChoice() {
    Map<String, String> own = Map.of("PYTHONUNBUFFERED", "");
    assertThat(build(request(1, JobType.GENERAL, Optional.empty(), own)).environment())
        .containsEntry("PYTHONUNBUFFERED", "");
  }

  @Test
  void anMpiJobFindsItsHostfile(@TempDir Path root) throws IOException {
    JobPaths paths = new JobPaths(root, root.resolve("c"), root.resolve("m"), root.resolve("l"));
    MpiHostfile.write(paths, 2);
    MpiHostfile.write(paths, 2);
    assertThat(root.resolve("hostfile")).hasContent("localhost slots=2");
    assertThat(root.resolve("hostfile.mpich")).hasContent("localhost:2");
    assertThat(Files.getPosixFilePermissions(root.resolve("hostfile")))
        .isEqualTo(PosixFilePermissions.fromString("rw-r--r--"));

    ContainerSpec spec = build(request(2, JobType.MPI, Optional.empty(), Map.of()));
    assertThat(spec.mounts())
        .contains(
            new Mount(Path.of("/state/jobs/x/hostfile"), "/etc/gpurunner/hostfile", true),
            new Mount(
                Path.of("/state/jobs/x/hostfile.mpich"), "/etc/gpurunner/hostfile.mpich", true));
    assertThat(spec.environment())
        .containsEntry("OMPI_MCA_orte_default_hostfile", "/etc/gpurunner/hostfile")
        .containsEntry("PRTE_MCA_prte_default_hostfile", "/etc/gpurunner/hostfile")
        .containsEntry("HYDRA_HOST_FILE", "/etc/gpurunner/hostfile.mpich")
        .containsEntry("OMPI_ALLOW_RUN_AS_ROOT", "1")
        .containsEntry("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
  }

  @Test
  void anMpiJobWithoutGpusHasOneSlot(@TempDir Path root) throws IOException {
    MpiHostfile.write(new JobPaths(root, root, root, root), 0);
    assertThat(root.resolve("hostfile")).hasContent("localhost slots=1");
  }

  @Test
  void librariesAreReadOnly() {
    JobRequest plain = request(0, JobType.GENERAL, Optional.empty(), Map.of());
    JobRequest request =
        new JobRequest(
            0,
            plain.gpuType(),
            plain.ckptPath(),
            1,
            plain.modelPath(),
            1,
            plain.image(),
            plain.jobType(),
            plain.stopRule(),
            Optional.of(new LibraryMount("iris", "/data")),
            Optional.of(new LibraryMount("base", "/base")),
            Optional.empty(),
            Optional.empty(),
            Map.of(),
            Optional.empty(),
            0,
            0,
            Optional.empty(),
            Map.of(),
            Optional.empty(),
            List.of());
    Optional<Path> dataset = Optional.of(Path.of("/srv/datasets/iris"));
    Optional<Path> model = Optional.of(Path.of("/srv/models/base"));
    ContainerSpec spec =
        ContainerSpecs.build(request, NAME, List.of(), PATHS, dataset, model, HOST_MEMORY, 0);
    assertThat(spec.mounts())
        .contains(new Mount(dataset.get(), "/data", true), new Mount(model.get(), "/base", true));
    assertThatThrownBy(
            () ->
                ContainerSpecs.build(
                    request, NAME, List.of(), PATHS, Optional.empty(), model, HOST_MEMORY, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("dataset");
    assertThatThrownBy(
            () ->
                ContainerSpecs.build(
                    request, NAME, List.of(), PATHS, dataset, Optional.empty(), HOST_MEMORY, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("pretrained model");
  }

  @Test
  void leasesMustMatchTheRequest() {
    JobRequest request = request(2, JobType.GENERAL, Optional.empty(), Map.of());
    assertThatThrownBy(
            () ->
                ContainerSpecs.build(
                    request,
                    NAME,
                    List.of("GPU-a"),
                    PATHS,
                    Optional.empty(),
                    Optional.empty(),
                    HOST_MEMORY,
                    8))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void sharedMemoryFollowsTheShareOfGpus() {
    assertThat(SharedMemory.bytes(8, HOST_MEMORY, 8)).isEqualTo(256L << 30);
    assertThat(SharedMemory.bytes(2, HOST_MEMORY, 8)).isEqualTo(64L << 30);
    assertThat(SharedMemory.bytes(0, HOST_MEMORY, 8)).isEqualTo(1L << 30);
    assertThat(SharedMemory.bytes(0, HOST_MEMORY, 0)).isEqualTo(1L << 30);
    assertThat(SharedMemory.bytes(1, 1L << 30, 1)).isEqualTo(1L << 29);
  }
}
