package io.gpurunner.agent.cli.job;

import io.gpurunner.agent.cli.client.Surroundings;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;

/** The commands for the users of jobs, by name. */
public final class JobCommands {
  private JobCommands() {}

  /** Returns what creates each command, in the order in which the help lists them. */
  public static Map<String, Supplier<Object>> all(Surroundings around) {
    Map<String, Supplier<Object>> commands = new LinkedHashMap<>();
    commands.put("submit", () -> new SubmitCommand(around));
    commands.put("status", () -> new StatusCommand(around));
    commands.put("logs", () -> new LogsCommand(around));
    commands.put("ls", () -> new LsCommand(around));
    commands.put("cancel", () -> new CancelCommand(around));
    commands.put("purge", () -> new PurgeCommand(around));
    commands.put("artifacts", () -> new ArtifactsCommand(around));
    commands.put("whoami", () -> new WhoamiCommand(around));
    commands.put("callback-key", () -> new CallbackKeyCommand(around));
    return commands;
  }
}
