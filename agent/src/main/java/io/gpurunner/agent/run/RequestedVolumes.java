package io.gpurunner.agent.run;

import io.gpurunner.api.JobRequest;
import io.gpurunner.storage.JobVolumes.Overrun;

/**
 * The volumes that a request asks for: their sizes in bytes, and words about one that is too full.
 */
final class RequestedVolumes {
  /** The unit of volume sizes in the guide. */
  static final long BYTES_PER_MEGABYTE = 1_000_000;

  private RequestedVolumes() {}

  static long checkpointBytes(JobRequest request) {
    return Math.multiplyExact(request.ckptVolumeMegabytes(), BYTES_PER_MEGABYTE);
  }

  static long modelBytes(JobRequest request) {
    return Math.multiplyExact(request.modelVolumeMegabytes(), BYTES_PER_MEGABYTE);
  }

  /** Returns why the run ends, for the user. */
  static String describe(JobRequest request, Overrun over) {
    String path =
        switch (over.volume()) {
          case CHECKPOINT -> "ckptPath " + request.ckptPath();
          case MODEL -> "modelPath " + request.modelPath();
        };
    return path
        + switch (over) {
          case Overrun.Bytes bytes ->
              " is over its size: "
                  + megabytes(bytes.usedBytes())
                  + " MB used, "
                  + megabytes(bytes.limitBytes())
                  + " MB asked for";
          case Overrun.Files files ->
              " holds too many files for its size: "
                  + files.usedFiles()
                  + " files, directories and links, at most "
                  + files.limitFiles()
                  + "; write fewer and larger ones or ask for a larger volume";
          case Overrun.Hidden hidden -> " cannot be measured: " + hidden.why();
        };
  }

  private static long megabytes(long bytes) {
    return Math.ceilDiv(bytes, BYTES_PER_MEGABYTE);
  }
}
