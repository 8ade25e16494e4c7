package io.gpurunner.agent.job;

import io.gpurunner.api.Caller;
import io.gpurunner.api.ImageReference;
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

/** Builds requests for tests from one valid request. For one thread. */
public final class Requests {
  /** A user who is no admin. */
  public static final Caller ANN = new Caller("ann", false);

  public static final Caller BOB = new Caller("bob", false);

  private int gpuNumber = 1;
  private String gpuType = "NVIDIA-GeForce-RTX-3090";
  private long volumeMegabytes = 100;
  private StopRule stopRule = new StopRule.NaturalEnd();
  private Optional<URI> callbackUrl = Optional.empty();
  private int priority;
  private int retries;
  private Optional<Duration> gracePeriod = Optional.empty();
  private Optional<JobId> resumeFrom = Optional.empty();
  private Optional<LibraryMount> pretrainedModel = Optional.empty();
  private LibraryMount dataset = new LibraryMount("train-dataset", "/dataset");
  private String ckptPath = "/data";
  private JobType jobType = JobType.GENERAL;
  private String token = "xxxxx";
  private String name = "a name";
  private String image = "busybox";

  private Requests() {}

  public static Requests simple() {
    return new Requests();
  }

  public Requests gpus(int count) {
    gpuNumber = count;
    return this;
  }

  public Requests type(String type) {
    gpuType = type;
    return this;
  }

  public Requests volumes(long megabytes) {
    volumeMegabytes = megabytes;
    return this;
  }

  public Requests stopAfter(Duration limit) {
    stopRule = new StopRule.After(limit);
    return this;
  }

  public Requests callback(URI url) {
    callbackUrl = Optional.of(url);
    return this;
  }

  public Requests priority(int value) {
    priority = value;
    return this;
  }

  public Requests retries(int count) {
    retries = count;
    return this;
  }

  public Requests gracePeriod(Duration value) {
    gracePeriod = Optional.of(value);
    return this;
  }

  /** Adds an environment variable with a value of so many characters. */
  public Requests environmentOf(int characters) {
    token = "x".repeat(characters);
    return this;
  }

  public Requests image(String value) {
    image = value;
    return this;
  }

  public Requests name(String value) {
    name = value;
    return this;
  }

  public Requests dataset(LibraryMount value) {
    dataset = value;
    return this;
  }

  public Requests jobType(JobType value) {
    jobType = value;
    return this;
  }

  public Requests ckptPath(String value) {
    ckptPath = value;
    return this;
  }

  public Requests pretrainedModelAt(String containerPath) {
    pretrainedModel = Optional.of(new LibraryMount("resnet", containerPath));
    return this;
  }

  public Requests resumeFrom(JobId id) {
    resumeFrom = Optional.of(id);
    return this;
  }

  public JobRequest build() {
    return new JobRequest(
        gpuNumber,
        gpuType,
        ckptPath,
        volumeMegabytes,
        "/data2",
        volumeMegabytes,
        ImageReference.of(image),
        jobType,
        stopRule,
        Optional.of(dataset),
        pretrainedModel,
        Optional.of("true"),
        callbackUrl,
        Map.of("OPEN_NODE_TOKEN", token),
        Optional.of(name),
        priority,
        retries,
        gracePeriod,
        Map.of("team", "vision"),
        resumeFrom,
        List.of("pretrainedModelPath without pretrainedModelName is ignored"));
  }
}
