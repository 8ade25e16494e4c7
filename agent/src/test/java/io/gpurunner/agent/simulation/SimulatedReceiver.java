package io.gpurunner.agent.simulation;

import io.gpurunner.agent.callback.CallbackDelivery;
import io.gpurunner.agent.callback.CallbackResult;
import io.gpurunner.agent.callback.CallbackSender;
import io.gpurunner.api.JobId;
import java.net.URI;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;

/** The receiver of callbacks as the agent meets it. */
final class SimulatedReceiver implements CallbackSender {
  /** The host of a receiver that says no to everything. */
  static final String DEAF = "deaf";

  /**
   * How long a try may hang. It follows from CallbackLimits for a host with four addresses, of
   * which only the last one answers, and late.
   */
  static final Duration TRY_LIMIT = Duration.ofSeconds(75);

  private final Simulation simulation;
  private final Port port;

  SimulatedReceiver(Simulation simulation, Port port) {
    this.simulation = simulation;
    this.port = port;
  }

  @Override
  public CallbackResult send(CallbackDelivery delivery) {
    simulation.invariants.callbacks.sending(delivery);
    port.between("call back");
    if (!simulation.machine.receiverUp || port.fails(simulation.weather.receiver)) {
      say("is not reached");
      return new CallbackResult.Failed("no connection");
    }
    if (port.hangs()) {
      return hung(delivery);
    }
    JobId job = jobOf(delivery.body());
    boolean deaf = DEAF.equals(delivery.url().getHost());
    say("hears of " + job.value().substring(2, 10) + (deaf ? " and says no" : ""));
    simulation.invariants.callbacks.received(job, delivery, !deaf);
    port.between("called back");
    if (deaf) {
      return new CallbackResult.Rejected(500, "HTTP 500");
    }
    if (port.hangs()) {
      return hung(delivery);
    }
    if (port.fails(simulation.weather.receiver)) {
      say("has its answer lost");
      return new CallbackResult.Failed("the answer was lost");
    }
    simulation.invariants.callbacks.answered(delivery);
    return new CallbackResult.Delivered(200);
  }

  private CallbackResult hung(CallbackDelivery delivery) {
    say("keeps a caller waiting");
    port.hang(TRY_LIMIT, () -> false);
    simulation.invariants.callbacks.hung(delivery);
    say("is given up");
    return new CallbackResult.Failed("no answer in time");
  }

  static JobId jobOf(String body) {
    int at = body.indexOf("\"job_id\":\"") + "\"job_id\":\"".length();
    return new JobId(body.substring(at, at + 38));
  }

  /** Returns the path of the object that the body names. It is empty if the body names none. */
  static Optional<String> artifactOf(String body) {
    int at = body.indexOf("\"url\":\"") + "\"url\":\"".length();
    String url = body.substring(at, body.indexOf('"', at));
    return url.isEmpty() ? Optional.empty() : Optional.of(URI.create(url).getPath());
  }

  static boolean isSuccess(String body) {
    return body.toLowerCase(Locale.ROOT).contains("\"status\":\"success\"");
  }

  private void say(String what) {
    if (simulation.timeline.isTold()) {
      simulation.timeline.tell("receiver", what);
    }
  }
}
