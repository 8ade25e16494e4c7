package io.gpurunner.agent.cli;

import io.gpurunner.agent.cli.client.ExitStatus;
import io.gpurunner.agent.config.ConfigFile;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/**
 * {@code gpurunner config check}: prints all errors, or the whole configuration with every default.
 */
@Command(
    name = "check",
    description = {
      "Read the configuration and print it with every default filled in.",
      "If anything is wrong, all errors are printed, and the exit status is 1. The files that the",
      "configuration names (TLS, secrets) are checked too, as if this user ran serve."
    },
    mixinStandardHelpOptions = true)
final class ConfigCheckCommand implements Callable<Integer> {
  @Mixin private ConfigOption config;
  @Spec private CommandSpec spec;

  @Override
  public Integer call() {
    ConfigFile.Effective effective = config.read();
    ServeFiles.require(effective.config());
    String source =
        Files.exists(config.file())
            ? config.file() + " is valid; in effect:"
            : "there is no " + config.file() + "; the defaults are in effect:";
    PrintWriter out = spec.commandLine().getOut();
    out.println("# " + source);
    out.print(effective.text());
    return ExitStatus.DONE;
  }
}
