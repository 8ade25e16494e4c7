package io.gpurunner.agent.cli.job;

import io.gpurunner.agent.cli.client.AgentOption;
import io.gpurunner.agent.cli.client.AgentRefusedException;
import io.gpurunner.agent.cli.client.ApiClient;
import io.gpurunner.agent.cli.client.ExitStatus;
import io.gpurunner.agent.cli.client.Json;
import io.gpurunner.agent.cli.client.Surroundings;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code gpurunner purge}. */
@Command(
    name = "purge",
    description = {
      "Remove the files of jobs that have ended: directories, logs, and artifacts on the agent's"
          + " machine.",
      "What was uploaded to S3 stays, and so does the record of the job."
    },
    mixinStandardHelpOptions = true)
final class PurgeCommand implements Callable<Integer> {
  @Mixin private AgentOption agentOption;

  @Parameters(paramLabel = "JOB", arity = "1..*", description = JobNames.DESCRIPTION)
  private List<String> names = List.of();

  private final Surroundings around;

  PurgeCommand(Surroundings around) {
    this.around = around;
  }

  @Override
  public Integer call() {
    ApiClient agent = agentOption.connect(around);
    // All names are looked up first: a wrong one removes nothing of another job.
    List<String> ids = new ArrayList<>();
    names.forEach(name -> ids.add(JobNames.find(agent, name)));
    int status = ExitStatus.DONE;
    for (String id : ids) {
      try {
        String done =
            agent.order("/api/userJob/job_del", Json.object().put("job_id", id).put("purge", true));
        around.console().out().println(id + ": " + done);
      } catch (AgentRefusedException refused) {
        around.console().say("gpurunner: " + id + ": " + refused.getMessage());
        status = refused.status();
      }
    }
    return status;
  }
}
