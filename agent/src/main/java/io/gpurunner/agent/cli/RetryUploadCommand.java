package io.gpurunner.agent.cli;

import io.gpurunner.api.JobId;
import io.vertx.core.json.JsonObject;
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
  @Mixin private ConfigOption config;
  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "JOB", description = "The job's id, from the answer to its submission.")
  private String job = "";

  @Override
  public Integer call() {
    JobId id =
        JobId.parse(job)
            .orElseThrow(
                () ->
                    new ParameterException(
                        spec.commandLine(),
                        "JOB: not a job's id; accepted: ai followed by a UUID"));
    return LocalAgent.order(config, spec, "/api/userJob/" + id + "/retry-upload", new JsonObject());
  }
}
