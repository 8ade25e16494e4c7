package io.gpurunner.api;

import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A request for a job. It satisfies every rule of the contract (section 2). Immutable.
 *
 * @param gpuNumber GPUs to attach, 0 for none
 * @param gpuType product name as the machine prints it ({@code NVIDIA-GeForce-RTX-3090}); as it was
 *     sent if gpuNumber is 0
 * @param ckptPath absolute, normalised container path of the checkpoint volume
 * @param ckptVolumeMegabytes size limit of the checkpoint volume, MB of 10^6 bytes
 * @param modelPath absolute, normalised container path of the model volume
 * @param modelVolumeMegabytes size limit of the model volume, MB of 10^6 bytes
 * @param runCommand replaces the image's entrypoint and command
 * @param env the container's environment as it was sent, without {@link ReservedVariables}; for
 *     {@link AgentVariables} the agent's own value counts
 * @param name a label for people
 * @param priority a job with a higher priority starts first; 0 if none was sent
 * @param retries how often a failed run is started again
 * @param gracePeriod the time between SIGTERM and SIGKILL; if empty, the configured time
 * @param resumeFrom a job whose checkpoint directory seeds this one
 * @param notes what the user should know about how the request was read, for example that a path
 *     without a name was ignored; the notes become events of the job
 */
public record JobRequest(
    int gpuNumber,
    String gpuType,
    String ckptPath,
    long ckptVolumeMegabytes,
    String modelPath,
    long modelVolumeMegabytes,
    ImageReference image,
    JobType jobType,
    StopRule stopRule,
    Optional<LibraryMount> dataset,
    Optional<LibraryMount> pretrainedModel,
    Optional<String> runCommand,
    Optional<URI> callbackUrl,
    Map<String, String> env,
    Optional<String> name,
    int priority,
    int retries,
    Optional<Duration> gracePeriod,
    Map<String, String> labels,
    Optional<JobId> resumeFrom,
    List<String> notes) {
  /** The longest command in a list. */
  private static final int LISTED_COMMAND_CHARACTERS = 1000;

  /** Returns this request as lists show it: without its long parts, because a list has many. */
  public JobRequest inLists() {
    return new JobRequest(
        gpuNumber,
        gpuType,
        ckptPath,
        ckptVolumeMegabytes,
        modelPath,
        modelVolumeMegabytes,
        image,
        jobType,
        stopRule,
        dataset,
        pretrainedModel,
        runCommand.map(command -> Shown.plain(command, LISTED_COMMAND_CHARACTERS)),
        callbackUrl,
        Map.of(),
        name,
        priority,
        retries,
        gracePeriod,
        Map.of(),
        resumeFrom,
        List.of());
  }
}
