package io.gpurunner.agent.container;

import io.gpurunner.agent.container.ContainerSpec.GpuAttachment;
import io.gpurunner.agent.container.ContainerSpec.Mount;
import io.gpurunner.api.AgentVariables;
import io.gpurunner.api.JobRequest;
import io.gpurunner.api.JobType;
import io.gpurunner.api.ReservedVariables;
import io.gpurunner.storage.JobPaths;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Describes the container of a job, as section 2 of the contract ("What a job gets") says. Pure:
 * the same job gives the same description, so the container can be created again after a crash.
 */
public final class ContainerSpecs {
  /** The default port of torch. Each container has its own network, so the port is always free. */
  private static final String MASTER_PORT = "29500";

  private static final long BYTES_PER_MEGABYTE = 1_000_000;

  private ContainerSpecs() {}

  /**
   * @param gpuUuids the leased devices, as many as the job asked for
   * @param datasetPath host directory of the job's data set; present only if the job names one
   * @param modelPath host directory of the job's pretrained model; present only if the job names
   *     one
   * @param hostMemoryBytes memory of this machine
   * @param hostGpuCount GPUs of this machine
   * @throws IllegalArgumentException if the arguments do not fit one another
   */
  public static ContainerSpec build(
      JobRequest request,
      ContainerName name,
      List<String> gpuUuids,
      JobPaths paths,
      Optional<Path> datasetPath,
      Optional<Path> modelPath,
      long hostMemoryBytes,
      int hostGpuCount) {
    require(
        gpuUuids.size() == request.gpuNumber(),
        "leased GPUs: " + gpuUuids.size() + ", asked for: " + request.gpuNumber());
    require(datasetPath.isPresent() == request.dataset().isPresent(), "dataset without its path");
    require(
        modelPath.isPresent() == request.pretrainedModel().isPresent(),
        "pretrained model without its path");
    return new ContainerSpec(
        name,
        request.image(),
        request.runCommand().map(RunCommand::parse).orElse(List.of()),
        environment(request, name),
        mounts(request, paths, datasetPath, modelPath),
        gpuUuids.isEmpty() ? new GpuAttachment.None() : new GpuAttachment.Devices(gpuUuids),
        SharedMemory.bytes(request.gpuNumber(), hostMemoryBytes, hostGpuCount),
        Optional.of(
            new ContainerSpec.ImageVolumes(
                paths.imageVolumes(), request.ckptVolumeMegabytes() * BYTES_PER_MEGABYTE)));
  }

  private static void require(boolean condition, String otherwise) {
    if (!condition) {
      throw new IllegalArgumentException(otherwise);
    }
  }

  /**
   * Returns the job's own variables, and the agent's ({@link AgentVariables}), which replace the
   * job's. {@code PYTHONUNBUFFERED} is set unless the job sets it.
   */
  private static Map<String, String> environment(JobRequest request, ContainerName name) {
    Map<String, String> environment = new TreeMap<>();
    environment.put("PYTHONUNBUFFERED", "1"); // so that its output can be followed
    environment.putAll(request.env());
    environment.keySet().removeIf(ReservedVariables::isReserved);
    environment.put("JOB_ID", name.job().value());
    environment.put("CKPT_PATH", request.ckptPath());
    environment.put("MODEL_PATH", request.modelPath());
    environment.putAll(framework(request.jobType(), request.gpuNumber()));
    environment.put(
        "CUDA_VISIBLE_DEVICES",
        IntStream.range(0, request.gpuNumber())
            .mapToObj(Integer::toString)
            .collect(Collectors.joining(",")));
    return Map.copyOf(environment);
  }

  private static Map<String, String> framework(JobType type, int gpuNumber) {
    return switch (type) {
      case GENERAL, TENSORFLOW -> Map.of();
      case MPI -> MpiHostfile.environment();
      case PYTORCH ->
          Map.of(
              "MASTER_ADDR",
              "127.0.0.1",
              "MASTER_PORT",
              MASTER_PORT,
              // torchrun reads this option. A job without GPUs gets one process.
              "PET_NPROC_PER_NODE",
              Integer.toString(Math.max(1, gpuNumber)));
    };
  }

  private static List<Mount> mounts(
      JobRequest request, JobPaths paths, Optional<Path> datasetPath, Optional<Path> modelPath) {
    List<Mount> mounts = new ArrayList<>();
    mounts.add(new Mount(paths.checkpoint(), request.ckptPath(), false));
    mounts.add(new Mount(paths.model(), request.modelPath(), false));
    request
        .dataset()
        .ifPresent(mount -> mounts.add(new Mount(datasetPath.get(), mount.containerPath(), true)));
    request
        .pretrainedModel()
        .ifPresent(mount -> mounts.add(new Mount(modelPath.get(), mount.containerPath(), true)));
    if (request.jobType() == JobType.MPI) {
      mounts.add(new Mount(MpiHostfile.openMpi(paths), MpiHostfile.OPEN_MPI_PATH, true));
      mounts.add(new Mount(MpiHostfile.mpich(paths), MpiHostfile.MPICH_PATH, true));
    }
    return List.copyOf(mounts);
  }
}
