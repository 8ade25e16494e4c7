package io.gpurunner.agent.cli.job;

import io.gpurunner.agent.cli.client.AgentOption;
import io.gpurunner.agent.cli.client.ApiClient;
import io.gpurunner.agent.cli.client.ExitStatus;
import io.gpurunner.agent.cli.client.Json;
import io.gpurunner.agent.cli.client.Surroundings;
import io.gpurunner.agent.cli.terminal.Plain;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code gpurunner callback-key}. */
@Command(
    name = "callback-key",
    description =
        "Print the key with which your callbacks are signed, and nothing else. Keep it secret.",
    mixinStandardHelpOptions = true)
final class CallbackKeyCommand implements Callable<Integer> {
  @Mixin private AgentOption agentOption;

  @Option(names = "--json", description = "Print the agent's JSON.")
  private boolean json;

  private final Surroundings around;

  CallbackKeyCommand(Surroundings around) {
    this.around = around;
  }

  @Override
  public Integer call() {
    ApiClient.Answer answer = agentOption.connect(around).get("/api/callback-key");
    PrintWriter out = around.console().out();
    out.println(
        json ? answer.printable() : Plain.line(Json.text(answer.json(), "key").orElse("?")));
    return ExitStatus.DONE;
  }
}
