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
   * Sees to it that what the job mounts can be read and written.
   *
   * @throws io.gpurunner.storage.StorageException where something the job mounts is not there any
   *     more
   */
  ContainerSpec specFor(Job job, ContainerName name, List<GpuUuid> gpus);
}
