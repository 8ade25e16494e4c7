package io.gpurunner.api;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;

/** Writes the GPUs as JSON. Stateless. */
final class GpuJson {
  private GpuJson() {}

  /** Writes every GPU. Only the owner of a job and admins see which job holds one. */
  static JsonObject of(Caller caller, GpuReport report) {
    JsonArray gpus = new JsonArray();
    report.gpus().forEach(gpu -> gpus.add(of(caller, gpu)));
    JsonObject json =
        new JsonObject().put("source", report.source()).put("simulated", report.simulated());
    report.fault().ifPresent(fault -> json.put("fault", fault));
    return json.put("lookMilliseconds", report.lookMillis()).put("gpus", gpus);
  }

  private static JsonObject of(Caller caller, GpuReport.Gpu gpu) {
    JsonObject json = new JsonObject();
    gpu.index().ifPresent(index -> json.put("index", index));
    json.put("uuid", gpu.uuid()).put("gpuProd", gpu.type()).put("state", gpu.state().word());
    gpu.reason().ifPresent(reason -> json.put("reason", reason));
    gpu.suspicion().ifPresent(sign -> json.put("suspect", sign));
    gpu.lease()
        .ifPresent(
            lease -> {
              json.put("user", lease.user());
              if (caller.admin() || caller.user().equals(lease.user())) {
                json.put("job_id", lease.job().value());
              }
            });
    gpu.memoryMegabytes().ifPresent(size -> json.put("memoryMegabytes", size));
    gpu.usedMegabytes().ifPresent(used -> json.put("memoryUsedMegabytes", used));
    gpu.details().forEach(json::put);
    gpu.time()
        .ifPresent(
            time -> {
              JsonObject seconds = new JsonObject();
              time.seconds().forEach(seconds::put);
              json.put("secondsSince", time.since().toString()).put("seconds", seconds);
            });
    JsonArray processes = new JsonArray();
    gpu.processes().forEach(process -> processes.add(of(process)));
    return json.put("processes", processes);
  }

  private static JsonObject of(GpuReport.User process) {
    JsonObject json = new JsonObject().put("pid", process.pid());
    process.command().ifPresent(command -> json.put("command", command));
    process.user().ifPresent(user -> json.put("user", user));
    process.container().ifPresent(container -> json.put("container", container));
    process.memoryMegabytes().ifPresent(used -> json.put("memoryMegabytes", used));
    return json.put("role", process.role().word());
  }
}
