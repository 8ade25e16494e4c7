package io.gpurunner.agent.cli.job;

import io.gpurunner.agent.cli.client.AgentOption;
import io.gpurunner.agent.cli.client.ApiClient;
import io.gpurunner.agent.cli.client.ExitStatus;
import io.gpurunner.agent.cli.client.OutputOption;
import io.gpurunner.agent.cli.client.Surroundings;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code gpurunner status}. */
@Command(
    name = "status",
    description = "Show everything about a job: its state and why, GPUs and their use, history.",
    mixinStandardHelpOptions = true)
final class StatusCommand implements Callable<Integer> {
  @Mixin private AgentOption agentOption;
  @Mixin private OutputOption output;
  @Mixin private WaitOption wait;
  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "JOB", description = JobNames.DESCRIPTION)
  private String name = "";

  private final Surroundings around;

  StatusCommand(Surroundings around) {
    this.around = around;
  }

  @Override
  public Integer call() {
    wait.requireMeaning(spec);
    ApiClient agent = agentOption.connect(around);
    String id = JobNames.find(agent, name);
    ApiClient.Answer answer = agent.get("/api/userJob/" + id);
    int status = ExitStatus.DONE;
    if (wait.asked()) {
      WaitOption.Waited waited = wait.await(agent, id, around, Optional.of(answer));
      status = waited.status();
      answer = waited.said().orElse(answer);
    }
    around
        .console()
        .out()
        .println(
            output.json()
                ? answer.printable()
                : new JobSummary(
                        new JobView(answer.json()),
                        around.clock(),
                        around.console().tableColumns(),
                        output.coloured(around))
                    .write());
    return status;
  }
}
