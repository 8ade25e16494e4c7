package io.gpurunner.agent.job;

import io.gpurunner.api.JobId;
import io.gpurunner.api.JobRequest;
import io.gpurunner.api.JobType;
import io.gpurunner.api.LibraryMount;
import io.gpurunner.api.StopRule;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Requests for tests: one sound request, and ways to vary it. */
public record Requests(
    int gpuNumber,
    String gpuType,
    long volumeMegabytes,
    String image,
    StopRule stopRule,
    Optional<String> runCommand,
    Optional<URI> callbackUrl,
    int priority,
    int retries,
    Optional<Duration> gracePeriod,
    Optional<JobId> resumeFrom) {

  public static Requests simple() {
    return new Requests(
        1,
        "NVIDIA-GeForce-RTX-3090",
        100,
        "busybox",
        new StopRule.NaturalEnd(),
        Optional.of("true"),
        Optional.empty(),
        0,
        0,
        Optional.empty(),
        Optional.empty());
  }

  public Requests gpus(int count) {
    return new Requests(
        count,
        gpuType,
        volumeMegabytes,
        image,
        stopRule,
        runCommand,
        callbackUrl,
        priority,
        retries,
        gracePeriod,
        resumeFrom);
  }

  public Requests type(String type) {
    return new Requests(
        gpuNumber,
        type,
        volumeMegabytes,
        image,
        stopRule,
        runCommand,
        callbackUrl,
        priority,
        retries,
        gracePeriod,
        resumeFrom);
  }

  public Requests volumes(long megabytes) {
    return new Requests(
        gpuNumber,
        gpuType,
        megabytes,
        image,
        stopRule,
        runCommand,
        callbackUrl,
        priority,
        retries,
        gracePeriod,
        resumeFrom);
  }

  public Requests stopAfter(Duration limit) {
    return new Requests(
        gpuNumber,
        gpuType,
        volumeMegabytes,
        image,
        new StopRule.After(limit),
        runCommand,
        callbackUrl,
        priority,
        retries,
        gracePeriod,
        resumeFrom);
  }

  public Requests callback(URI url) {
    return new Requests(
        gpuNumber,
        gpuType,
        volumeMegabytes,
        image,
        stopRule,
        runCommand,
        Optional.of(url),
        priority,
        retries,
        gracePeriod,
        resumeFrom);
  }

  public Requests priority(int value) {
    return new Requests(
        gpuNumber,
        gpuType,
        volumeMegabytes,
        image,
        stopRule,
        runCommand,
        callbackUrl,
        value,
        retries,
        gracePeriod,
        resumeFrom);
  }

  public Requests retries(int count) {
    return new Requests(
        gpuNumber,
        gpuType,
        volumeMegabytes,
        image,
        stopRule,
        runCommand,
        callbackUrl,
        priority,
        count,
        gracePeriod,
        resumeFrom);
  }

  public Requests resumeFrom(JobId id) {
    return new Requests(
        gpuNumber,
        gpuType,
        volumeMegabytes,
        image,
        stopRule,
        runCommand,
        callbackUrl,
        priority,
        retries,
        gracePeriod,
        Optional.of(id));
  }

  public JobRequest build() {
    return new JobRequest(
        gpuNumber,
        gpuType,
        "/data",
        volumeMegabytes,
        "/data2",
        volumeMegabytes,
        image,
        JobType.GENERAL,
        stopRule,
        Optional.of(new LibraryMount("train-dataset", "/dataset")),
        Optional.empty(),
        runCommand,
        callbackUrl,
        Map.of("OPEN_NODE_TOKEN", "xxxxx"),
        Optional.of("a name"),
        priority,
        retries,
        gracePeriod,
        Map.of("team", "vision"),
        resumeFrom,
        List.of("pretrainedModelPath without pretrainedModelName is ignored"));
  }
}
