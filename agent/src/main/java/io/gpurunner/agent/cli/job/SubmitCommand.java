package io.gpurunner.agent.cli.job;

import io.gpurunner.agent.cli.client.AgentOption;
import io.gpurunner.agent.cli.client.AgentRefusedException;
import io.gpurunner.agent.cli.client.ApiClient;
import io.gpurunner.agent.cli.client.CommandFailedException;
import io.gpurunner.agent.cli.client.ExitStatus;
import io.gpurunner.agent.cli.client.Json;
import io.gpurunner.agent.cli.client.Surroundings;
import io.gpurunner.api.ApiLimits;
import io.gpurunner.storage.FileFault;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code gpurunner submit}. */
@Command(
    name = "submit",
    description = {
      "Create a job, and print its id.",
      "Example: gpurunner submit --gpus 1 --image registry.example/train:1 -- python train.py"
    },
    mixinStandardHelpOptions = true,
    showEndOfOptionsDelimiterInUsageHelp = true)
final class SubmitCommand implements Callable<Integer> {
  @Mixin private AgentOption agentOption;
  @Mixin private JobFlags flags;
  @Mixin private WaitOption wait;
  @Spec private CommandSpec spec;

  @Option(
      names = {"-f", "--file"},
      paramLabel = "FILE",
      description = "The job as JSON, as the API takes it; - for standard input.")
  private Optional<String> file = Optional.empty();

  @Option(names = "--json", description = "Print the agent's JSON instead of the id.")
  private boolean json;

  @Parameters(
      paramLabel = "COMMAND",
      arity = "0..*",
      description = "After --: the command, word by word; the image's own if not given.")
  private List<String> command = List.of();

  private final Surroundings around;

  SubmitCommand(Surroundings around) {
    this.around = around;
  }

  @Override
  public Integer call() {
    wait.requireMeaning(spec);
    if (file.isPresent() && (flags.any() || !command.isEmpty())) {
      throw new ParameterException(
          spec.commandLine(),
          "--file: holds the whole job; it goes with no option of a job, and no command");
    }
    ApiClient agent = agentOption.connect(around);
    ApiClient.Answer answer = file.isPresent() ? agent.create(content(file.get())) : create(agent);
    String id =
        Json.text(answer.json(), "job_id")
            .orElseThrow(() -> new CommandFailedException("the agent's answer has no job_id"));
    around.console().out().println(json ? answer.printable() : id);
    if (wait.asked()) {
      return wait.await(agent, id, around, Optional.empty()).status();
    }
    if (around.console().errIsTerminal()) {
      around.console().say("Follow it with: gpurunner logs -f " + id);
    }
    return ExitStatus.DONE;
  }

  private ApiClient.Answer create(ApiClient agent) {
    String request = Json.write(flags.request(agent, around, spec, command));
    try {
      return agent.create(request);
    } catch (AgentRefusedException refused) {
      throw new CommandFailedException(
          refused.status(), FieldNames.withOptions(refused.reason()), refused);
    }
  }

  private String content(String name) {
    try (InputStream in = name.equals("-") ? around.in() : Files.newInputStream(Path.of(name))) {
      byte[] bytes = in.readNBytes(ApiLimits.MAX_BODY_BYTES + 1);
      if (bytes.length > ApiLimits.MAX_BODY_BYTES) {
        throw new CommandFailedException(
            ExitStatus.USAGE,
            "--file: "
                + name
                + " is larger than the "
                + ApiLimits.MAX_BODY_BYTES
                + " bytes accepted");
      }
      return new String(bytes, StandardCharsets.UTF_8);
    } catch (IOException unreadable) {
      throw new CommandFailedException(
          ExitStatus.USAGE,
          "--file: " + name + " cannot be read: " + FileFault.reason(unreadable),
          unreadable);
    }
  }
}
