package io.gpurunner.agent.run;

import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerSpec;
import io.gpurunner.agent.job.Job;
import io.gpurunner.gpu.GpuUuid;
import java.util.List;

/**
 * Port: the container that a run of a job is to have. Follows from the job and the machine alone;
 * repeatable.
 */
@FunctionalInterface
public interface SpecSource {
  /**
   * Prepares what the job mounts, and describes its container.
   *
   * @throws io.gpurunner.storage.StorageException if something the job mounts is no longer there
   */
  ContainerSpec specFor(Job job, ContainerName name, List<GpuUuid> gpus);
}
