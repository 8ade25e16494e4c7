package io.gpurunner.agent.cli.client;

import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Option;

/**
 * The options that say which agent is meant. Without them, {@code GPURUNNER_URL} and {@code
 * GPURUNNER_TOKEN} say it, then the current context, then it is the agent of this machine.
 */
public final class AgentOption {
  private static final String URL = "GPURUNNER_URL";
  private static final String TOKEN = "GPURUNNER_TOKEN";

  @Option(
      names = "--context",
      paramLabel = "NAME",
      description = "An agent by its name in the file of contexts (see the README).")
  private Optional<String> context = Optional.empty();

  @Option(
      names = "--config",
      paramLabel = "FILE",
      description = "The agent of this machine that runs with this configuration.")
  private Optional<Path> config = Optional.empty();

  /**
   * Returns a client of the agent that is meant.
   *
   * @throws CommandFailedException if it cannot be told, or there is no token for it
   */
  public ApiClient connect(Surroundings around) {
    return new ApiClient(address(around), around);
  }

  private AgentAddress address(Surroundings around) {
    if (context.isPresent() && config.isPresent()) {
      throw new CommandFailedException(
          ExitStatus.USAGE, "--context and --config: name different agents; give one of them");
    }
    if (context.isPresent()) {
      return named(context.get(), around);
    }
    if (config.isPresent()) {
      return new ThisMachine(config).addressForAdmins(around);
    }
    Optional<String> url = around.variable(URL);
    Optional<String> token = around.variable(TOKEN);
    if (url.isPresent()) {
      return fromEnvironment(url.get(), token);
    }
    if (token.isPresent()) {
      return new ThisMachine(config).address(token.get(), TOKEN);
    }
    return Contexts.read(around)
        .flatMap(contexts -> contexts.current().map(contexts::address))
        .orElseGet(() -> new ThisMachine(config).addressForAdmins(around));
  }

  private static AgentAddress named(String name, Surroundings around) {
    return Contexts.read(around)
        .orElseThrow(
            () ->
                new CommandFailedException(
                    ExitStatus.USAGE,
                    "--context: there is no file " + Contexts.file(around) + "; see the README"))
        .address(name);
  }

  private static AgentAddress fromEnvironment(String url, Optional<String> token) {
    String checked = AgentAddress.checked(url, URL);
    String known =
        token.orElseThrow(
            () ->
                new CommandFailedException(
                    ExitStatus.USAGE, URL + " is set, and " + TOKEN + " is not; set it, too"));
    return new AgentAddress(
        checked, URL, () -> known, TOKEN, Optional.empty(), "check " + URL + ", and the network");
  }
}
