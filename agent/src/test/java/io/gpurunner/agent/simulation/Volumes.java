package io.gpurunner.agent.simulation;

import io.gpurunner.api.JobId;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;

/** The directories of jobs as they really are. One thread. */
final class Volumes {
  private final Map<String, Directory> directories = new TreeMap<>();

  /** A job's directories. */
  static final class Directory {
    boolean written;
    boolean synced;

    /** What was written did not reach the disk. */
    boolean torn;

    /** The file systems in it have not been mounted since the boot. */
    boolean hidden;
  }

  Map<String, Directory> directories() {
    return directories;
  }

  /** A container of the job has run, and wrote into the directories. */
  void written(JobId job) {
    Directory directory = directories.get(job.value());
    if (directory != null) {
      directory.written = true;
      directory.synced = false;
      directory.torn = false;
    }
  }

  /**
   * The power is cut.
   *
   * @param tears asked for each job with unsynced files: whether they are lost
   */
  void cutPower(BooleanSupplier tears) {
    for (Directory directory : directories.values()) {
      directory.hidden = true;
      directory.torn |= directory.written && !directory.synced && tears.getAsBoolean();
    }
  }
}
