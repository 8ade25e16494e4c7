package io.gpurunner.agent.run;

import io.gpurunner.storage.JobPaths;
import java.nio.file.Path;

/** The directory that holds the output of one run of a job. */
final class OutputDirectory {
  private OutputDirectory() {}

  /**
   * @param attempt the number of the run, counted from 1
   */
  static Path of(JobPaths paths, int attempt) {
    return paths.logs().resolve("run-" + attempt);
  }
}
