package io.gpurunner.api;

import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.RoutingContext;
import java.util.Optional;

/**
 * The endpoints about GPUs, and those by which an administrator takes one out of use. Not
 * thread-safe: belongs to the server's event loop.
 */
final class GpuEndpoints {
  private static final String GPU_NAME = "the UUID or the index of a GPU";
  private static final int MAX_GPU_NAME = 96;
  private static final int MAX_REASON_LENGTH = 500;

  private final ApiPorts ports;
  private final CallerRequests requests;

  /** What an administrator asks for. */
  private interface Administration {
    String answer(Caller caller, Fields fields);
  }

  GpuEndpoints(ApiPorts ports, CallerRequests requests) {
    this.ports = ports;
    this.requests = requests;
  }

  /** Unlike the types, it answers while the GPUs cannot be read: it says why. */
  void gpus(RoutingContext context) {
    requests.authenticated(
        context.request(), caller -> Answer.ok(GpuJson.of(caller, ports.facts().gpus())));
  }

  void gpuTypes(RoutingContext context) {
    requests.authenticated(
        context.request(),
        _ -> {
          MachineFacts facts = ports.facts();
          facts
              .gpuFault()
              .ifPresent(
                  fault -> {
                    throw GpuFields.unreadable(fault);
                  });
          return Answer.ok(JobJson.gpuTypes(facts.gpuAvailability()));
        });
  }

  void quarantine(RoutingContext context) {
    administer(context, this::quarantine);
  }

  void release(RoutingContext context) {
    administer(context, this::release);
  }

  void releaseDriver(RoutingContext context) {
    administer(context, this::releaseDriver);
  }

  void takeDriver(RoutingContext context) {
    administer(context, (caller, _) -> ports.gpus().takeDriver(caller));
  }

  private void administer(RoutingContext context, Administration todo) {
    requests.withBody(
        context,
        (caller, body) -> {
          CallerRequests.requireAdmin(caller);
          return Answer.ok(
              new JsonObject().put("message", todo.answer(caller, RequestFields.fields(body))));
        });
  }

  private String quarantine(Caller caller, Fields fields) {
    Optional<String> gpu = fields.requiredText("gpu", GPU_NAME, MAX_GPU_NAME);
    Optional<String> reason = fields.requiredText("reason", "text", MAX_REASON_LENGTH);
    RequestFields.requireNoErrors(fields);
    return ports.gpus().quarantine(caller, gpu.orElseThrow(), reason.orElseThrow());
  }

  private String release(Caller caller, Fields fields) {
    Optional<String> gpu = fields.requiredText("gpu", GPU_NAME, MAX_GPU_NAME);
    Optional<String> reason = fields.requiredText("reason", "text", MAX_REASON_LENGTH);
    RequestFields.requireNoErrors(fields);
    return ports.gpus().release(caller, gpu.orElseThrow(), reason.orElseThrow());
  }

  private String releaseDriver(Caller caller, Fields fields) {
    Optional<String> gpu = fields.requiredText("gpu", GPU_NAME, MAX_GPU_NAME);
    RequestFields.requireNoErrors(fields);
    return ports.gpus().releaseDriver(caller, gpu.filter(name -> !name.equals("all")));
  }
}
