package io.gpurunner.agent.run;

import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerSpec;
import io.gpurunner.agent.job.Job;
import io.gpurunner.gpu.GpuUuid;
import java.util.List;

/**
 * Port: describes the container for a run of a job. The description depends only on the job and the
 * machine, so a call can be repeated.
 */
@FunctionalInterface
public interface SpecSource {
  /**
   * Prepares what the job mounts, and describes its container.
   *
   * @throws io.gpurunner.storage.StorageException UNAVAILABLE if the files that the job mounts do
   *     not answer now; REFUSED if some of them are no longer there
   */
  ContainerSpec specFor(Job job, ContainerName name, List<GpuUuid> gpus);
}
