package io.gpurunner.agent.run;

import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.gpu.DeviceFitness;
import io.gpurunner.gpu.GpuDevice;
import io.gpurunner.gpu.GpuProcess;
import io.gpurunner.gpu.GpuSnapshot;
import io.gpurunner.gpu.GpuUuid;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Finds processes of others on the GPUs of a job that runs. Each is written to the job's history
 * once. Thread-safe.
 */
final class Intruders {
  /** The length of the beginning of a container's id that a process is known by. */
  private static final int ID_LENGTH = 12;

  /** The largest number of processes that are written to the history of one run. */
  static final int MOST_NOTED = 16;

  private final JobLedger ledger;
  private final Map<ContainerName, Set<Integer>> noted = new ConcurrentHashMap<>();

  Intruders(JobLedger ledger) {
    this.ledger = ledger;
  }

  /**
   * Returns whether a process on a job's GPU is not of the job. A process of which the kernel knows
   * nothing has ended meanwhile.
   */
  static boolean isOne(GpuProcess process, Job job) {
    if (process.ignored() || process.facts().isEmpty()) {
      return false;
    }
    Optional<String> own =
        job.state() instanceof JobState.Placed placed
            ? ContainerLooks.containerOf(job, placed).recordedId()
            : Optional.empty();
    return own.isPresent()
        && process
            .facts()
            .get()
            .container()
            .filter(own.get().substring(0, Math.min(ID_LENGTH, own.get().length()))::equals)
            .isEmpty();
  }

  /** Returns who else uses a GPU of the job, and writes to its history who is new. */
  Optional<String> on(Job job, JobState.Running state, GpuSnapshot look) {
    if (look.fault().isPresent() || look.at().isBefore(state.startedAt())) {
      return Optional.empty();
    }
    Set<Integer> known =
        noted.computeIfAbsent(
            new ContainerName(job.id(), state.attempt()), _ -> ConcurrentHashMap.newKeySet());
    Optional<String> first = Optional.empty();
    for (GpuDevice device : held(look, state.gpus())) {
      for (GpuProcess process : device.processes()) {
        if (isOne(process, job)) {
          String words = DeviceFitness.name(device) + " is also used by " + process.words();
          first = first.or(() -> Optional.of(words + ", which is not of this job"));
          if (known.size() < MOST_NOTED && known.add(process.pid())) {
            ledger.note(job.id(), "intruder", words + ", which is not of this job");
          }
        }
      }
    }
    return first;
  }

  private static List<GpuDevice> held(GpuSnapshot look, List<GpuUuid> gpus) {
    return look.devices().stream().filter(device -> gpus.contains(device.uuid())).toList();
  }

  /** Forgets a run that has ended. */
  void forget(ContainerName run) {
    noted.remove(run);
  }
}
