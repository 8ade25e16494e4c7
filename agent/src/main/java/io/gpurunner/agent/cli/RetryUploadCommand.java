package io.gpurunner.agent.cli;

import io.gpurunner.agent.cli.client.AgentOption;
import io.gpurunner.agent.cli.client.ExitStatus;
import io.gpurunner.agent.cli.client.Json;
import io.gpurunner.agent.cli.client.Surroundings;
import io.gpurunner.api.JobId;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code gpurunner retry-upload}: asks the running agent. */
@Command(
    name = "retry-upload",
    description = "Upload a finished job's artifacts that could not be uploaded before.",
    mixinStandardHelpOptions = true)
final class RetryUploadCommand implements Callable<Integer> {
  @Mixin private AgentOption agentOption;
  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "JOB", description = "The job's id, from the answer to its submission.")
  private String job = "";

  private final Surroundings around;

  RetryUploadCommand(Surroundings around) {
    this.around = around;
  }

  @Override
  public Integer call() {
    JobId id =
        JobId.parse(job)
            .orElseThrow(
                () ->
                    new ParameterException(
                        spec.commandLine(),
                        "JOB: not a job's id; accepted: ai followed by a UUID"));
    String done =
        agentOption.connect(around).order("/api/userJob/" + id + "/retry-upload", Json.object());
    around.console().out().println(done);
    return ExitStatus.DONE;
  }
}
