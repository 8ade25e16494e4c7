package io.gpurunner.agent.run;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerRoot;
import io.gpurunner.agent.container.ContainerSpec;
import io.gpurunner.agent.container.ContainerSpecs;
import io.gpurunner.agent.container.EngineProbe;
import io.gpurunner.agent.container.MpiHostfile;
import io.gpurunner.agent.job.Job;
import io.gpurunner.api.JobRequest;
import io.gpurunner.api.JobType;
import io.gpurunner.api.LibraryMount;
import io.gpurunner.gpu.GpuInventory;
import io.gpurunner.gpu.GpuUuid;
import io.gpurunner.storage.FileFault;
import io.gpurunner.storage.FileWork;
import io.gpurunner.storage.JobPaths;
import io.gpurunner.storage.JobVolumes;
import io.gpurunner.storage.Library;
import io.gpurunner.storage.StorageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;

/**
 * Describes containers with what this machine has: its directories, its libraries, its memory.
 * Thread-safe.
 */
public final class LocalSpecs implements SpecSource {
  private final JobVolumes volumes;
  private final Library datasets;
  private final Library models;
  private final GpuInventory gpus;
  private final long hostMemoryBytes;
  private final FileWork files;
  private final EngineProbe engine;

  public LocalSpecs(
      JobVolumes volumes,
      Library datasets,
      Library models,
      GpuInventory gpus,
      long hostMemoryBytes,
      FileWork files,
      EngineProbe engine) {
    this.engine = engine;
    this.files = files;
    this.volumes = volumes;
    this.datasets = datasets;
    this.models = models;
    this.gpus = gpus;
    this.hostMemoryBytes = hostMemoryBytes;
  }

  @Override
  public ContainerSpec specFor(Job job, ContainerName name, List<GpuUuid> leased) {
    // The paths alone are not enough, because the machine may have been booted since they were
    // prepared.
    JobPaths paths = volumes.reveal(job.folder());
    engine
        .containerRoot()
        .ifPresent(root -> files.run(FileWork.Task.PREPARE, () -> hand(paths, root)));
    if (job.request().jobType() == JobType.MPI) {
      files.run(FileWork.Task.PREPARE, () -> writeHostfile(paths, job.request().gpuNumber()));
    }
    return ContainerSpecs.build(
        job.request(),
        name,
        leased.stream().map(GpuUuid::value).toList(),
        paths,
        job.request()
            .dataset()
            .map(mount -> find(datasets.asSeenBy(job.user()), "dataset", mount, job.request())),
        job.request()
            .pretrainedModel()
            .map(
                mount ->
                    find(models.asSeenBy(job.user()), "pretrained model", mount, job.request())),
        hostMemoryBytes,
        gpus.snapshot().devices().size());
  }

  /**
   * @throws StorageException UNAVAILABLE if the library does not answer, and the job waits; REFUSED
   *     if it has no entry of that name any more, or the entry has changed so that the job's
   *     directories cannot be mounted in it
   */
  private static Path find(Library library, String what, LibraryMount mount, JobRequest request) {
    Path path =
        library
            .find(mount.name())
            .orElseThrow(
                () -> changed(what + " " + mount.name() + " is not in the library any more"));
    for (String place : List.of(request.ckptPath(), request.modelPath())) {
      String above = mount.containerPath() + "/";
      if (place.startsWith(above)) {
        String inside = place.substring(above.length());
        if (!library.hasDirectory(mount.name(), inside)) {
          throw changed(
              "%s %s has no directory %s any more, on which %s is mounted"
                  .formatted(what, mount.name(), inside, place));
        }
      }
    }
    return path;
  }

  /**
   * Gives the job's directories to root of its container, so that it may change their mode and
   * owner. Those that a run before this one gave to another user keep that owner.
   */
  private static void hand(JobPaths paths, ContainerRoot root) {
    for (Path directory : List.of(paths.checkpoint(), paths.model())) {
      try {
        if (Files.getAttribute(directory, "unix:uid", LinkOption.NOFOLLOW_LINKS).equals(0)) {
          Files.setAttribute(directory, "unix:uid", root.user(), LinkOption.NOFOLLOW_LINKS);
          Files.setAttribute(directory, "unix:gid", root.group(), LinkOption.NOFOLLOW_LINKS);
        }
      } catch (IOException e) {
        throw new ContainerException(
            ContainerException.Kind.MACHINE_UNFIT,
            "a directory of the job cannot be given to user "
                + root.user()
                + ", which root of containers is here (userns-remap): "
                + FileFault.reason(e),
            e);
      }
    }
  }

  private static StorageException changed(String message) {
    return new StorageException(StorageException.Kind.REFUSED, message);
  }

  private static void writeHostfile(JobPaths paths, int gpuNumber) {
    try {
      MpiHostfile.write(paths, gpuNumber);
    } catch (IOException e) {
      // No job can write there, so this is the machine's trouble.
      throw new ContainerException(
          ContainerException.Kind.MACHINE_UNFIT,
          "the MPI hostfile cannot be written: " + FileFault.reason(e),
          e);
    }
  }
}
