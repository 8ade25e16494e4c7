package io.gpurunner.api;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.List;

/**
 * Writes the answers as JSON. Times are ISO 8601 in UTC. A field that is unknown or does not apply
 * is left out.
 */
final class JobJson {
  private JobJson() {}

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

  static JsonObject page(JobPage page) {
    JsonArray content = new JsonArray();
    page.content().forEach(job -> content.add(row(job)));
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
    return row(job).put("events", events);
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

  private static JsonObject row(JobDetail job) {
    JsonObject json =
        new JsonObject()
            .put("job_id", job.id().value())
            .put("user", job.user())
            .put("status", job.status().phase().word())
            .put("state", job.state())
            .put("gpuNumber", job.gpuNumber())
            .put("gpuType", job.gpuType())
            .put("gpus", new JsonArray(job.gpuUuids()))
            .put("imagePath", job.image().toString())
            .put("createdAt", job.createdAt().toString());
    job.name().ifPresent(name -> json.put("name", name));
    job.reason().ifPresent(reason -> json.put("reason", reason));
    job.queuePosition().ifPresent(position -> json.put("queuePosition", position));
    job.startedAt().ifPresent(at -> json.put("startedAt", at.toString()));
    job.deadline().ifPresent(at -> json.put("deadline", at.toString()));
    job.finishedAt().ifPresent(at -> json.put("finishedAt", at.toString()));
    job.status().url().ifPresent(url -> json.put("url", url.toString()));
    return json;
  }
}
