package io.gpurunner.api;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/**
 * Writes the answers as JSON. Times are ISO 8601 in UTC. A field that is unknown or does not apply
 * is left out.
 */
final class JobJson {
  private JobJson() {}

  static JsonObject caller(Caller caller, Optional<DiskUse> disk) {
    JsonObject json = new JsonObject().put("user", caller.user()).put("admin", caller.admin());
    disk.ifPresent(
        use ->
            json.put(
                "disk",
                new JsonObject()
                    .put("reservedBytes", use.reservedBytes())
                    .put("keptBytes", use.keptBytes())
                    .put("limitBytes", use.limitBytes())));
    return json;
  }

  static JsonObject callbackKey(Caller caller, String key) {
    return new JsonObject().put("user", caller.user()).put("key", key);
  }

  static JsonObject created(JobId id) {
    return new JsonObject().put("job_id", id.value());
  }

  static JsonObject message(JobId id, String message) {
    return created(id).put("message", message);
  }

  static JsonObject status(JobStatus status) {
    JsonObject json = new JsonObject().put("status", status.phase().word());
    status.url().ifPresent(url -> json.put("url", url.toString()));
    return json;
  }

  /** Writes a list, of which each row is written by a generation of the API. */
  static JsonObject page(JobPage page, Function<JobDetail, JsonObject> row) {
    JsonArray content = new JsonArray();
    page.content().forEach(job -> content.add(row.apply(job)));
    return new JsonObject().put("content", content).put("totalElements", page.totalElements());
  }

  static JsonObject detail(JobDetail job) {
    JsonArray events = new JsonArray();
    job.events()
        .forEach(
            event ->
                events.add(
                    new JsonObject()
                        .put("at", event.at().toString())
                        .put("kind", event.kind())
                        .put("message", event.message())));
    JobRequest request = job.request();
    JsonObject json =
        row(job)
            .put("priority", request.priority())
            .put("retries", request.retries())
            .put("warnings", new JsonArray(job.warnings()));
    request.gracePeriod().ifPresent(time -> json.put("gracePeriod", time.toSeconds()));
    request.resumeFrom().ifPresent(id -> json.put("resumeFrom", id.value()));
    if (!request.labels().isEmpty()) {
      json.put("labels", new JsonObject(Map.copyOf(request.labels())));
    }
    job.imageDigest().ifPresent(digest -> json.put("imageDigest", digest));
    JsonArray use = new JsonArray();
    job.gpuUse().forEach(gpu -> use.add(gpuUse(gpu)));
    json.put("gpuUse", use);
    JsonArray attempts = new JsonArray();
    job.attempts().forEach(attempt -> attempts.add(attempt(attempt)));
    json.put("attempts", attempts);
    return json.put("events", events);
  }

  private static JsonObject attempt(JobDetail.Attempt attempt) {
    JsonObject json = new JsonObject().put("number", attempt.number());
    attempt.startedAt().ifPresent(at -> json.put("startedAt", at.toString()));
    attempt.endedAt().ifPresent(at -> json.put("endedAt", at.toString()));
    attempt.ending().ifPresent(how -> json.put("ending", how));
    return json;
  }

  private static JsonObject gpuUse(GpuUse use) {
    JsonObject json =
        new JsonObject()
            .put("run", use.run())
            .put("gpu", use.gpu())
            .put("heldSeconds", use.heldSeconds());
    use.utilizationPercent().ifPresent(part -> json.put("utilizationPercent", part));
    use.recentPercent().ifPresent(part -> json.put("recentPercent", part));
    use.peakMemoryMegabytes().ifPresent(most -> json.put("peakMemoryMegabytes", most));
    use.energyJoules().ifPresent(energy -> json.put("energyJoules", energy));
    return json.put("slowdowns", new JsonArray(use.slowdowns()));
  }

  /**
   * Writes the GPU types. {@code amount} is the cloud's price of a GPU. It is always 0, because
   * this agent charges nothing.
   */
  static JsonArray gpuTypes(List<GpuAvailability> types) {
    JsonArray json = new JsonArray();
    types.forEach(
        type ->
            json.add(
                new JsonObject()
                    .put("gpuProd", type.type())
                    .put("gpuTotal", type.total())
                    .put("gpuAllocatable", type.allocatable())
                    .put("amount", 0)));
    return json;
  }

  /**
   * Writes the entries of a library.
   *
   * @param object the cloud's word for an entry
   */
  static JsonArray resources(String object, List<String> names) {
    JsonArray json = new JsonArray();
    names.forEach(
        name -> json.add(new JsonObject().put("id", name).put("name", name).put("object", object)));
    return json;
  }

  /** Writes a job as a list shows it: the agent's own keys, and those of the cloud's lists. */
  static JsonObject row(JobDetail job) {
    JobRequest request = job.request();
    JsonObject json =
        new JsonObject()
            .put("job_id", job.id().value())
            .put("user", job.user())
            .put("status", job.status().phase().word())
            .put("state", job.state())
            .put("gpuNumber", request.gpuNumber())
            .put("gpuType", request.gpuType())
            .put("gpus", new JsonArray(job.gpuUuids()))
            .put("imagePath", request.image().toString())
            .put("createdAt", job.createdAt().toString());
    request.name().ifPresent(name -> json.put("name", name));
    job.reason().ifPresent(reason -> json.put("reason", reason));
    job.queuePosition().ifPresent(position -> json.put("queuePosition", position));
    job.latestStart().ifPresent(at -> json.put("latestStartAt", at.toString()));
    job.startedAt().ifPresent(at -> json.put("startedAt", at.toString()));
    job.deadline().ifPresent(at -> json.put("deadline", at.toString()));
    job.finishedAt().ifPresent(at -> json.put("finishedAt", at.toString()));
    job.status().url().ifPresent(url -> json.put("url", url.toString()));
    return putCloudKeys(json, job);
  }

  private static JsonObject putCloudKeys(JsonObject json, JobDetail job) {
    JobRequest request = job.request();
    json.put("jobName", job.id().value())
        .put("jobId", job.number())
        .put("userId", job.user())
        .put("workStatus", workStatus(job))
        .put("obtainStatus", job.state().equals("QUEUED") ? 0 : 1)
        .put("deleted", job.state().equals("DELETED") ? 1 : 0)
        .put("createTime", job.createdAt().toString())
        .put("updateTime", lastChange(job).toString())
        .put("jobType", request.jobType().word())
        .put("ckptPath", request.ckptPath())
        .put("ckptVol", Long.toString(request.ckptVolumeMegabytes()))
        .put("modelPath", request.modelPath())
        .put("modelVol", Long.toString(request.modelVolumeMegabytes()));
    switch (request.stopRule()) {
      case StopRule.NaturalEnd() -> json.put("stopType", 0).put("stopTime", 0);
      case StopRule.After(Duration time) ->
          json.put("stopType", 1).put("stopTime", time.toMinutes());
    }
    request.runCommand().ifPresent(command -> json.put("runCommand", command));
    request.callbackUrl().ifPresent(url -> json.put("callbackUrl", url.toString()));
    request.dataset().ifPresent(entry -> put(json, "dataset", entry));
    request.pretrainedModel().ifPresent(entry -> put(json, "pretrainedModel", entry));
    return json;
  }

  private static void put(JsonObject json, String key, LibraryMount entry) {
    json.put(key + "Name", entry.name()).put(key + "Path", entry.containerPath());
  }

  private static Instant lastChange(JobDetail job) {
    return job.finishedAt().or(job::startedAt).orElse(job.createdAt());
  }

  /** The cloud's first numbers: 0 running, 1 failed, 2 succeeded, 3 uploaded. */
  private static int workStatus(JobDetail job) {
    return switch (job.status().phase()) {
      case WORKING -> job.state().equals("UPLOADING") ? 2 : 0;
      case FAIL -> 1;
      case SUCCESS -> 3;
    };
  }
}
