package io.gpurunner.api;

import java.net.URI;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Port: the facts of the machine that a request is checked against. The agent implements it.
 * Methods may block (name resolution, directory listing) and are called on virtual threads only.
 * Thread-safe.
 */
public interface MachineFacts {
  /**
   * Returns why the GPUs cannot be read now, naming what is out of order. It is empty if they can.
   * Only then do the other methods' answers about GPUs count.
   */
  Optional<String> gpuFault();

  /**
   * Returns the GPU product names as GPU Feature Discovery prints them (blanks as dashes), and how
   * many of each this machine has. It is empty if there are no GPUs.
   */
  Map<String, Integer> gpuTypes();

  /** Returns the GPU types and how many of each are free now, for {@code getGpuType}. */
  List<GpuAvailability> gpuAvailability();

  /** Returns every GPU with its state, for {@code GET /api/gpus}. */
  GpuReport gpus();

  /** Returns the data sets in the configured directory that this caller may mount. */
  LibraryNames datasets(Caller caller);

  /** Returns the models in the configured directory that this caller may mount. */
  LibraryNames models(Caller caller);

  /** Returns the largest volume that a job may ask for, in MB of 10^6 bytes. */
  long maxVolumeMegabytes();

  /**
   * Returns why volumes of these sizes, each at most {@link #maxVolumeMegabytes}, never fit here.
   * It is empty if they can fit.
   */
  Optional<String> volumesRefusal(long ckptVolumeMegabytes, long modelVolumeMegabytes);

  /**
   * Returns why this machine never runs the image, as far as that is known without asking a name
   * server. It is empty if the job may be taken.
   */
  Optional<String> imageRefusal(ImageReference image);

  /** Judges whether this URL may be called, by the resolved address (contract section 5). */
  CallbackVerdict judgeCallback(URI callbackUrl);

  /** Returns why this caller cannot resume from that job. It is empty if the caller can. */
  Optional<String> resumeRefusal(Caller caller, JobId from);
}
