package io.gpurunner.agent.cli.job;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpurunner.agent.cli.client.AgentAddress;
import io.gpurunner.agent.cli.client.AgentOption;
import io.gpurunner.agent.cli.client.ApiClient;
import io.gpurunner.agent.cli.client.ExitStatus;
import io.gpurunner.agent.cli.client.Json;
import io.gpurunner.agent.cli.client.Surroundings;
import io.gpurunner.agent.cli.terminal.Plain;
import io.gpurunner.agent.cli.terminal.Sizes;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code gpurunner whoami}. */
@Command(
    name = "whoami",
    description =
        "Say which agent is asked, as which user, and where the URL and the token came from.",
    mixinStandardHelpOptions = true)
final class WhoamiCommand implements Callable<Integer> {
  @Mixin private AgentOption agentOption;

  @Option(names = "--json", description = "Print the agent's JSON.")
  private boolean json;

  private final Surroundings around;

  WhoamiCommand(Surroundings around) {
    this.around = around;
  }

  @Override
  public Integer call() {
    ApiClient agent = agentOption.connect(around);
    ApiClient.Answer answer = agent.get("/api/whoami");
    PrintWriter out = around.console().out();
    if (json) {
      out.println(answer.printable());
      return ExitStatus.DONE;
    }
    JsonNode who = answer.json();
    AgentAddress address = agent.address();
    out.println("user   " + Plain.line(Json.text(who, "user").orElse("?")));
    out.println("admin  " + (Json.isTrue(who, "admin") ? "yes" : "no"));
    JsonNode disk = who.path("disk");
    if (disk.isObject()) {
      long taken = disk.path("reservedBytes").asLong() + disk.path("keptBytes").asLong();
      out.println(
          "disk   "
              + Sizes.words(taken)
              + " of "
              + Sizes.words(disk.path("limitBytes").asLong())
              + ", "
              + Sizes.words(disk.path("keptBytes").asLong())
              + " of them kept of ended jobs (gpurunner purge JOB)");
    }
    out.println("agent  " + Plain.line(address.url()) + " (" + address.urlSource() + ")");
    out.println("token  " + address.tokenSource());
    return ExitStatus.DONE;
  }
}
