package io.gpurunner.agent.run;

import io.gpurunner.agent.job.Job;
import io.gpurunner.api.JobId;
import io.gpurunner.gpu.DeviceChoice;
import io.gpurunner.gpu.DeviceFitness;
import io.gpurunner.gpu.GpuDevice;
import io.gpurunner.gpu.GpuSnapshot;
import io.gpurunner.gpu.GpuType;
import io.gpurunner.gpu.GpuUuid;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Which queued jobs start now, and why the others wait: a pure function. Order is priority, then
 * arrival. A job that waits holds back the jobs behind it for its GPU type and the disk space it
 * needs, so that it does not starve, and no others; one that cannot start whichever jobs end holds
 * back none.
 */
final class Placement {
  /**
   * Jobs that may be placed at a time, with or without GPUs: a limit on threads, connections and
   * containers.
   */
  static final int PLACED_LIMIT = 256;

  /** First in the queue first. */
  static final Comparator<Job> ORDER =
      Comparator.comparingInt((Job job) -> -job.request().priority())
          .thenComparingLong(Job::sequence);

  private Placement() {}

  /**
   * The machine as the decision sees it.
   *
   * @param leases who holds which device
   * @param placedJobs jobs that hold a place now
   */
  record Machine(GpuSnapshot gpus, Map<GpuUuid, JobId> leases, int placedJobs, DiskSpace disk) {}

  /** A job to start, and the devices it gets. */
  record Start(Job job, List<GpuUuid> gpus) {}

  /** Why a job waits, and its place in the queue, counted from 1. */
  record Waiting(int position, String reason) {}

  /** The decision. */
  record Decision(List<Start> starts, Map<JobId, Waiting> waiting) {}

  static Decision decide(Collection<Job> queued, Machine machine) {
    return new Round(machine).decide(queued.stream().sorted(ORDER).toList());
  }

  private static final class Round {
    /** What there is to know of a GPU type; found out once for all jobs that ask for it. */
    private record Wanted(GpuType type, String normalised, long working) {}

    private final Machine machine;
    private final Map<String, Wanted> wanted = new HashMap<>();
    private final List<GpuDevice> free;
    private final Set<String> heldBackTypes = new HashSet<>();
    private int places;
    private long diskBytes;

    Round(Machine machine) {
      this.machine = machine;
      this.places = PLACED_LIMIT - machine.placedJobs();
      this.diskBytes = machine.disk().unpromisedBytes();
      this.free =
          new ArrayList<>(
              machine.gpus().fault().isPresent()
                  ? List.of()
                  : machine.gpus().devices().stream()
                      .filter(device -> !machine.leases().containsKey(device.uuid()))
                      .filter(device -> DeviceFitness.unfitReason(device).isEmpty())
                      .toList());
    }

    Decision decide(List<Job> ordered) {
      List<Start> starts = new ArrayList<>();
      Map<JobId, Waiting> waiting = new LinkedHashMap<>();
      for (Job job : ordered) {
        Optional<String> obstacle = obstacle(job);
        if (obstacle.isEmpty()) {
          starts.add(new Start(job, take(job)));
        } else {
          waiting.put(job.id(), new Waiting(waiting.size() + 1, obstacle.get()));
          if (machine.disk().everFits(job.request()) && everHasDevices(job)) {
            holdBack(job);
          }
        }
      }
      return new Decision(List.copyOf(starts), Collections.unmodifiableMap(waiting));
    }

    /** Whether the end of jobs alone can make so many devices free: a lost one never comes free. */
    private boolean everHasDevices(Job job) {
      return job.request().gpuNumber() <= wanted(job).working();
    }

    private Wanted wanted(Job job) {
      return wanted.computeIfAbsent(
          job.request().gpuType(),
          name -> {
            GpuType type = GpuType.ofProductName(name);
            return new Wanted(type, type.normalised(), working(type));
          });
    }

    private long working(GpuType type) {
      return machine.gpus().devices().stream()
          .filter(device -> device.presence() != GpuDevice.Presence.LOST)
          .filter(device -> device.type().matches(type))
          .count();
    }

    private void holdBack(Job job) {
      diskBytes -= machine.disk().need(job.request());
      if (job.request().gpuNumber() > 0) {
        heldBackTypes.add(wanted(job).normalised());
      }
    }

    private Optional<String> obstacle(Job job) {
      if (places <= 0) {
        return Optional.of(
            "waits for a place: " + PLACED_LIMIT + " jobs are running, the most at a time");
      }
      Optional<String> diskObstacle = diskObstacle(job);
      return diskObstacle.isPresent() || job.request().gpuNumber() == 0
          ? diskObstacle
          : gpuObstacle(job);
    }

    private Optional<String> diskObstacle(Job job) {
      long need = machine.disk().need(job.request());
      if (need <= diskBytes) {
        return Optional.empty();
      }
      String wants = "waits for disk space: it needs " + megabytes(need) + " MB, ";
      return Optional.of(
          machine.disk().everFits(job.request())
              ? wants
                  + megabytes(Math.max(0, diskBytes))
                  + " MB are not promised to jobs ahead of it"
              : wants
                  + megabytes(machine.disk().freeBytes())
                  + " MB are free above the agent's reserve, whichever jobs end: files must be removed from"
                  + " the disk");
    }

    private static long megabytes(long bytes) {
      return bytes / VolumeLimits.BYTES_PER_MEGABYTE;
    }

    private Optional<String> gpuObstacle(Job job) {
      int count = job.request().gpuNumber();
      if (machine.gpus().fault().isPresent()) {
        return Optional.of("waits for the GPUs to be readable: " + machine.gpus().fault().get());
      }
      if (heldBackTypes.contains(wanted(job).normalised())) {
        return Optional.of("waits behind a job ahead of it for " + typeOf(job).label());
      }
      if (DeviceChoice.choose(free, typeOf(job), count).isPresent()) {
        return Optional.empty();
      }
      String never =
          everHasDevices(job)
              ? ""
              : "; this machine has only "
                  + wanted(job).working()
                  + " that work, whichever jobs end";
      return Optional.of(
          "waits for " + count + " × " + typeOf(job).label() + ": " + census(typeOf(job)) + never);
    }

    /**
     * In words: how many of that type are free, which job holds which, and what is wrong with the
     * rest.
     */
    private String census(GpuType type) {
      long freeCount = free.stream().filter(device -> device.type().matches(type)).count();
      Map<String, Integer> others = new LinkedHashMap<>();
      for (GpuDevice device : machine.gpus().devices()) {
        if (device.type().matches(type) && !free.contains(device)) {
          JobId holder = machine.leases().get(device.uuid());
          String why =
              holder != null
                  ? "held by another job"
                  : DeviceFitness.unfitReason(device)
                      .map(reason -> "unfit (" + reason + ")")
                      .orElse("about to be handed to an earlier job");
          others.merge(why, 1, Integer::sum);
        }
      }
      StringBuilder words = new StringBuilder(freeCount + " free");
      others.forEach((why, number) -> words.append(", ").append(number).append(' ').append(why));
      return words.toString();
    }

    private List<GpuUuid> take(Job job) {
      places--;
      diskBytes -= machine.disk().need(job.request());
      if (job.request().gpuNumber() == 0) {
        return List.of();
      }
      List<GpuDevice> chosen =
          DeviceChoice.choose(free, typeOf(job), job.request().gpuNumber()).orElseThrow();
      free.removeAll(chosen);
      return chosen.stream().map(GpuDevice::uuid).toList();
    }

    private GpuType typeOf(Job job) {
      return wanted(job).type();
    }
  }
}
