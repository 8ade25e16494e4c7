package io.gpurunner.api;

import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A job as asked for, after every rule of the contract (section 2) was checked. Immutable.
 *
 * @param gpuNumber GPUs to attach, 0 for none
 * @param gpuType product name as the machine prints it ({@code NVIDIA-GeForce-RTX-3090}); as sent
 *     where gpuNumber is 0
 * @param ckptPath absolute, normalised container path of the checkpoint volume
 * @param ckptVolumeMegabytes size limit of the checkpoint volume, MB of 10^6 bytes
 * @param modelPath absolute, normalised container path of the model volume
 * @param modelVolumeMegabytes size limit of the model volume, MB of 10^6 bytes
 * @param runCommand replaces the image's entrypoint and command
 * @param env environment for the container, as sent; never holds a name reserved for the agent. Of
 *     {@link AgentVariables} the agent's own value counts
 * @param name a label for people
 * @param priority higher runs first; 0 where not given
 * @param retries how often a failed run is started again
 * @param gracePeriod time between SIGTERM and SIGKILL; the configured one where empty
 * @param resumeFrom a job whose checkpoint directory seeds this one
 * @param notes what the user should know about how the request was read (a path without a name was
 *     ignored, say); become events of the job
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
    List<String> notes) {}
