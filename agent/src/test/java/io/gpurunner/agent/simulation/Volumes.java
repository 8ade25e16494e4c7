package io.gpurunner.agent.simulation;

import io.gpurunner.api.JobId;
import java.util.Map;
import java.util.TreeMap;

/** The directories of jobs as they really are. One thread. */
final class Volumes {
  private final Map<String, Directory> directories = new TreeMap<>();

  /** A job's directories. */
  static final class Directory {
    boolean written;

    /** The file systems in it are not mounted since the boot. */
    boolean hidden;
  }

  Map<String, Directory> directories() {
    return directories;
  }

  /** A container ran with them. */
  void written(JobId job) {
    Directory directory = directories.get(job.value());
    if (directory != null) {
      directory.written = true;
    }
  }

  /** The machine was started anew. */
  void hide() {
    directories.values().forEach(directory -> directory.hidden = true);
  }
}
