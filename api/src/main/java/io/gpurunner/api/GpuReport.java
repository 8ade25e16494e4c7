package io.gpurunner.api;

import java.util.List;
import java.util.Optional;

/**
 * The GPUs of this machine, for {@code GET /api/gpus}.
 *
 * @param source where they come from: {@code NVML 12.535.54, driver 535.54.03}
 * @param simulated whether they are only simulated, so that no container gets one
 * @param fault why they cannot be read now; the GPUs are then those of the last good look
 * @param gpus by index, lost ones last
 */
public record GpuReport(String source, boolean simulated, Optional<String> fault, List<Gpu> gpus) {
  public GpuReport {
    gpus = List.copyOf(gpus);
  }

  /** What can be done with a GPU now. */
  public enum State {
    /** A job can get it. */
    FREE("free"),
    /** A job holds it. */
    LEASED("leased"),
    /** A process of no job uses it. */
    IN_USE("in-use"),
    /** No job can get it until its reason is gone. If a job holds it, the lease says so. */
    UNFIT("unfit");

    private final String word;

    State(String word) {
      this.word = word;
    }

    String word() {
      return word;
    }
  }

  /**
   * One GPU.
   *
   * @param index NVML's index now; may change at a reboot
   * @param type product name with dashes, as jobs ask for it
   * @param memoryMegabytes size of its memory in MB of 10^6 bytes; 0 if it is not known
   * @param usedMegabytes memory in use, in the same unit
   * @param reason why no job can get it, and the remedy
   * @param lease the job that holds it
   * @param processes processes with a compute context on it
   */
  public record Gpu(
      int index,
      String uuid,
      String type,
      long memoryMegabytes,
      long usedMegabytes,
      State state,
      Optional<String> reason,
      Optional<Lease> lease,
      List<User> processes) {
    public Gpu {
      processes = List.copyOf(processes);
    }
  }

  /** The job that holds a GPU. */
  public record Lease(JobId job, String user) {}

  /**
   * A process on a GPU.
   *
   * @param pid process id on this machine
   * @param memoryMegabytes memory of the GPU that it holds; 0 if the driver does not tell
   * @param command the name of its program
   * @param user the user of this machine that it runs as
   * @param container the beginning of the id of its Docker container
   */
  public record User(
      long pid,
      long memoryMegabytes,
      Optional<String> command,
      Optional<String> user,
      Optional<String> container) {}
}
