package io.gpurunner.agent.run;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.run.Placement.Machine;
import io.gpurunner.agent.run.Placement.Obstacle;
import io.gpurunner.api.JobId;
import io.gpurunner.gpu.DeviceChoice;
import io.gpurunner.gpu.DeviceFitness;
import io.gpurunner.gpu.GpuDevice;
import io.gpurunner.gpu.GpuType;
import io.gpurunner.gpu.GpuUuid;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The GPUs of the machine in one round of decisions: which are free, which come free once jobs have
 * ended, and what is wrong with the others. For one round, in one thread.
 */
final class GpuStock {
  /**
   * The facts about a GPU type, found once for all jobs that ask for it.
   *
   * @param obtainable how many devices can be handed out once no job holds any: those that are fit
   *     now, or only have to be tried, and those that jobs hold and that are sound
   */
  private record Wanted(GpuType type, String normalised, long obtainable) {}

  private final Machine machine;
  private final Map<GpuUuid, JobId> leases = new HashMap<>();
  private final Map<String, Wanted> wanted = new HashMap<>();
  private final List<GpuDevice> free;
  private final Set<String> heldBackTypes = new HashSet<>();

  GpuStock(Machine machine) {
    this.machine = machine;
    for (Job holder : machine.holding()) {
      if (holder.state() instanceof JobState.Placed placed) {
        placed.gpus().forEach(gpu -> leases.put(gpu, holder.id()));
      }
    }
    this.free =
        new ArrayList<>(
            DeviceFitness.fitDevices(machine.gpus()).stream()
                .filter(device -> !leases.containsKey(device.uuid()))
                .filter(device -> !machine.closed().keepsBack(device.uuid()))
                .toList());
  }

  private Wanted wanted(Job job) {
    return wanted.computeIfAbsent(
        job.request().gpuType(),
        name -> {
          GpuType type = GpuType.ofProductName(name);
          return new Wanted(type, type.normalised(), obtainable(type));
        });
  }

  private long obtainable(GpuType type) {
    return machine.gpus().devices().stream()
        .filter(device -> device.type().matches(type))
        .filter(device -> comesFree(device) || free.contains(device) || isOnlyToBeTried(device))
        .count();
  }

  /** Returns whether nothing is wrong with a device, and no container has seen it yet. */
  private boolean isOnlyToBeTried(GpuDevice device) {
    return machine.closed().unseen().containsKey(device.uuid())
        && !leases.containsKey(device.uuid())
        && machine.gpus().fault().isEmpty()
        && DeviceFitness.unfitReason(device).isEmpty();
  }

  /**
   * Returns whether a device can be handed out again once the job that holds it has ended.
   * Processes and memory on it belong to that job.
   */
  private boolean comesFree(GpuDevice device) {
    return leases.containsKey(device.uuid())
        && whyUnfit(device).isEmpty()
        && machine.gpus().fault().isEmpty();
  }

  /** Returns whether enough devices come free once other jobs have ended. */
  boolean isObtainable(Job job) {
    return job.request().gpuNumber() <= wanted(job).obtainable();
  }

  /** Returns whether enough devices are free that a job with GPUs can use together. */
  boolean areFree(Job job) {
    return job.request().gpuNumber() <= free.size()
        && DeviceChoice.choose(free, typeOf(job), job.request().gpuNumber()).isPresent();
  }

  /** Returns what the job lacks of GPUs. It is empty if it can have them. */
  Optional<Obstacle> obstacle(Job job) {
    if (machine.gpus().fault().isPresent()) {
      return obstacle(
          WaitReason.MACHINE, "the GPUs to be readable: " + machine.gpus().fault().get());
    }
    if (!isObtainable(job)) {
      return obstacle(
          WaitReason.UNFIT,
          lacking(job)
              + "; this machine has only "
              + wanted(job).obtainable()
              + " that it can hand out, whichever jobs end, so jobs behind it go first");
    }
    if (heldBackTypes.contains(wanted(job).normalised())) {
      return obstacle(WaitReason.BEHIND, typeOf(job).label() + " behind a job ahead of it");
    }
    return areFree(job) ? Optional.empty() : obstacle(WaitReason.GPUS, lacking(job));
  }

  private static Optional<Obstacle> obstacle(WaitReason kind, String words) {
    return Optional.of(new Obstacle(kind, words));
  }

  private String lacking(Job job) {
    return job.request().gpuNumber() + " × " + typeOf(job).label() + ": " + census(typeOf(job));
  }

  /**
   * Returns in words how many devices of that type are free, how many jobs hold, and what is wrong
   * with the rest.
   */
  private String census(GpuType type) {
    long freeCount = free.stream().filter(device -> device.type().matches(type)).count();
    Map<String, Integer> others = new LinkedHashMap<>();
    for (GpuDevice device : machine.gpus().devices()) {
      if (device.type().matches(type) && !free.contains(device)) {
        others.merge(whyNotFree(device), 1, Integer::sum);
      }
    }
    StringBuilder words = new StringBuilder(freeCount + " free");
    others.forEach((why, number) -> words.append(", ").append(number).append(' ').append(why));
    return words.toString();
  }

  private String whyNotFree(GpuDevice device) {
    if (comesFree(device)) {
      return "held by another job";
    }
    Optional<String> unfit = whyUnfit(device);
    if (unfit.isPresent()) {
      return (leases.containsKey(device.uuid()) ? "held by another job and unfit (" : "unfit (")
          + unfit.get()
          + ")";
    }
    if (isOnlyToBeTried(device)) {
      return "being tried (" + machine.closed().unseen().get(device.uuid()) + ")";
    }
    return DeviceFitness.whyOccupied(device)
        .map(reason -> "in use by others than this agent's jobs (" + named(device, reason) + ")")
        .orElse("about to be handed to an earlier job");
  }

  /**
   * Returns why no job can get a device, even if nobody used it: its fault, its health, or the way
   * to a container.
   */
  private Optional<String> whyUnfit(GpuDevice device) {
    return DeviceFitness.whyUnusable(device)
        .or(() -> Optional.ofNullable(machine.closed().refused().get(device.uuid())))
        .map(why -> named(device, why));
  }

  private static String named(GpuDevice device, String why) {
    return DeviceFitness.name(device) + ": " + why;
  }

  /** Keeps the devices that come free for a waiting job, against the jobs behind it. */
  void holdBackFor(Job job) {
    if (!areFree(job)) {
      heldBackTypes.add(wanted(job).normalised());
    }
  }

  /** Gives free devices to a job. */
  List<GpuUuid> take(Job job) {
    List<GpuDevice> chosen =
        DeviceChoice.choose(free, typeOf(job), job.request().gpuNumber()).orElseThrow();
    free.removeAll(chosen);
    return chosen.stream().map(GpuDevice::uuid).toList();
  }

  private GpuType typeOf(Job job) {
    return wanted(job).type();
  }
}
