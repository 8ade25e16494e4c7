package io.gpurunner.agent.cli.job;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpurunner.agent.cli.client.AgentRefusedException;
import io.gpurunner.agent.cli.client.ApiClient;
import io.gpurunner.agent.cli.client.ExitStatus;
import io.gpurunner.agent.cli.client.Json;
import io.gpurunner.agent.cli.terminal.Console;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/** Gives one order of {@code job_del} for each of several jobs. */
final class DeletionOrders {
  private DeletionOrders() {}

  /**
   * Looks all names up, so that a wrong one changes nothing of another job. Then gives the orders,
   * and goes on after a refusal. Returns the exit status.
   *
   * @param more completes the body of each order
   */
  static int give(
      ApiClient agent, Console console, List<String> names, UnaryOperator<ObjectNode> more) {
    List<String> ids = new ArrayList<>();
    names.forEach(name -> ids.add(JobNames.find(agent, name)));
    int status = ExitStatus.DONE;
    for (String id : ids) {
      try {
        ObjectNode body = more.apply(Json.object().put("job_id", id));
        console.out().println(id + ": " + agent.order("/api/userJob/job_del", body));
      } catch (AgentRefusedException refused) {
        console.say("gpurunner: " + id + ": " + refused.getMessage());
        status = refused.status();
      }
    }
    return status;
  }
}
