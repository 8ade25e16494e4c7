package io.gpurunner.api;

import java.time.Instant;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * The GPUs of this machine, for {@code GET /api/gpus}.
 *
 * @param source where they come from: {@code NVML 12.535.54, driver 535.54.03}
 * @param simulated whether they are only simulated, so that no container gets one
 * @param fault why they cannot be read now; the GPUs are then those of the last good look
 * @param lookMillis how long the newest look at them took
 * @param gpus by index, lost ones last
 */
public record GpuReport(
    String source, boolean simulated, Optional<String> fault, long lookMillis, List<Gpu> gpus) {
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
    /** Its errors keep it from jobs. If a job holds it, the lease says so. */
    QUARANTINED("quarantined"),
    /** The cause of a quarantine is gone, and no job gets it for a short time. */
    RECOVERING("recovering"),
    /** No job can get it until its reason is gone. If a job holds it, the lease says so. */
    UNFIT("unfit");

    private final String word;

    State(String word) {
      this.word = word;
    }

    /** Returns it as users see it. */
    public String word() {
      return word;
    }
  }

  /**
   * One GPU.
   *
   * @param index NVML's index now, which may change at a reboot; empty for a card that NVML does
   *     not list
   * @param type product name with dashes, as jobs ask for it
   * @param memoryMegabytes size of its memory in MB of 10^6 bytes; empty if it is not known
   * @param usedMegabytes memory in use, in the same unit; empty if it is not known
   * @param reason why no job can get it, and the remedy
   * @param suspicion what was seen on it that needs no action
   * @param lease the job that holds it
   * @param processes processes that compute or draw on it
   * @param time what its time went into
   * @param details what else the driver tells of it: names as in docs/gpus.md, numbers and texts
   */
  public record Gpu(
      OptionalInt index,
      String uuid,
      String type,
      OptionalLong memoryMegabytes,
      OptionalLong usedMegabytes,
      State state,
      Optional<String> reason,
      Optional<String> suspicion,
      Optional<Lease> lease,
      List<User> processes,
      Optional<Time> time,
      Map<String, Object> details) {
    public Gpu {
      processes = List.copyOf(processes);
      details = Collections.unmodifiableMap(new LinkedHashMap<>(details));
    }
  }

  /**
   * What a GPU's time went into.
   *
   * @param since when the measuring began
   * @param seconds by kind; their sum is the time since then
   */
  public record Time(Instant since, Map<String, Long> seconds) {
    public Time {
      seconds = Collections.unmodifiableMap(new LinkedHashMap<>(seconds));
    }
  }

  /** The job that holds a GPU. */
  public record Lease(JobId job, String user) {}

  /**
   * A process on a GPU.
   *
   * @param pid process id on this machine
   * @param memoryMegabytes memory of the GPU that it holds; empty if the driver does not tell
   * @param command the name of its program
   * @param user the user of this machine that it runs as
   * @param container the beginning of the id of its Docker container
   * @param role what it is to the agent
   */
  public record User(
      long pid,
      OptionalLong memoryMegabytes,
      Optional<String> command,
      Optional<String> user,
      Optional<String> container,
      Role role) {}

  /** What a process on a GPU is to the agent. */
  public enum Role {
    /** It is of the job that holds the GPU. */
    JOB("job"),
    /** It is of somebody else, on a GPU that a job holds. */
    INTRUDER("intruder"),
    /** It keeps the GPU from jobs. */
    FOREIGN("foreign"),
    /** It is of a desktop, and keeps the GPU from nobody. */
    IGNORED("ignored");

    private final String word;

    Role(String word) {
      this.word = word;
    }

    /** Returns it as users see it. */
    public String word() {
      return word;
    }
  }
}
