package io.gpurunner.api;

import java.net.URI;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Inbound port: what a request is checked against besides its own form. The agent implements it;
 * methods may block (name resolution, directory listing) and are called on virtual threads only.
 * Thread-safe.
 */
public interface MachineFacts {
  /**
   * Why the GPUs cannot be read now, naming what is out of order; empty where they can. What the
   * other methods say of GPUs counts only where this is empty.
   */
  Optional<String> gpuFault();

  /**
   * GPU product names as GPU Feature Discovery prints them (blanks as dashes), with how many of
   * each this machine has. Empty: no GPUs.
   */
  Map<String, Integer> gpuTypes();

  /** The same types, with how many of each are free now; for {@code getGpuType}. */
  List<GpuAvailability> gpuAvailability();

  /** The data sets in the configured directory. */
  LibraryNames datasets();

  /** The models in the configured directory. */
  LibraryNames models();

  /** Largest volume a job may ask for, in MB of 10^6 bytes. */
  long maxVolumeMegabytes();

  /**
   * Why volumes of these sizes, each at most {@link #maxVolumeMegabytes}, can never be had here;
   * empty where they can.
   */
  Optional<String> volumesRefusal(long ckptVolumeMegabytes, long modelVolumeMegabytes);

  /** Whether this URL may be called back: judged on the resolved address (contract section 5). */
  CallbackVerdict judgeCallback(URI callbackUrl);

  /** Why this caller cannot resume from that job, or empty where it can. */
  Optional<String> resumeRefusal(Caller caller, JobId from);
}
