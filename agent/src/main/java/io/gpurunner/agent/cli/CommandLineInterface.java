package io.gpurunner.agent.cli;

import io.gpurunner.agent.auth.AuthException;
import io.gpurunner.agent.cli.client.CommandFailedException;
import io.gpurunner.agent.cli.client.ExitStatus;
import io.gpurunner.agent.cli.client.Surroundings;
import io.gpurunner.agent.cli.docs.GenerateDocsCommand;
import io.gpurunner.agent.cli.job.JobCommands;
import io.gpurunner.agent.cli.top.TopCommand;
import io.gpurunner.agent.config.ConfigException;
import io.gpurunner.agent.config.ConfigFile;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;

/**
 * The command {@code gpurunner}. {@link ExitStatus} has the exit status. Results go to standard
 * output, everything else to standard error.
 */
public final class CommandLineInterface {
  private CommandLineInterface() {}

  /**
   * Runs one command to its end.
   *
   * @param serve what {@code serve} does
   * @return the exit status
   */
  public static int run(String[] args, PrintStream out, PrintStream err, ServeAction serve) {
    return run(args, Surroundings.ofProcess(out, err), serve);
  }

  static int run(String[] args, Surroundings around, ServeAction serve) {
    return isStartOfTheService(args)
        ? serve(Path.of(args[2]), serve, around.console().err())
        : execute(args, around, serve);
  }

  /**
   * Returns whether these are the arguments of the systemd unit. Such a start does without picocli,
   * which reads the annotations of the command first. As they are published, its classes are also
   * too old for Java's ahead-of-time cache, and to load them takes a fourth of the time of a start.
   */
  private static boolean isStartOfTheService(String[] args) {
    return args.length == 3
        && args[0].equals("serve")
        && args[1].equals("--config")
        && args[2].startsWith("/");
  }

  private static int serve(Path config, ServeAction serve, PrintWriter err) {
    try {
      return ServeCommand.serve(ConfigFile.load(config), serve);
    } catch (RuntimeException failure) {
      return failed(failure, err);
    }
  }

  private static int execute(String[] args, Surroundings around, ServeAction serve) {
    PrintWriter out = around.console().out();
    PrintWriter err = around.console().err();
    CommandLine commands = new CommandLine(new GpurunnerCommand());
    Map<String, Supplier<Object>> all = all(around, serve);
    // To read the annotations of one command takes milliseconds, so only the one that is called is
    // created. For the help and for suggestions, all are.
    Map<String, Supplier<Object>> wanted =
        Optional.ofNullable(args.length == 0 ? null : all.get(args[0]))
            .map(one -> Map.of(args[0], one))
            .orElse(all);
    wanted.values().forEach(command -> commands.addSubcommand(command.get()));
    if (wanted.size() == all.size()) {
      commands.addSubcommand(new GenerateDocsCommand());
    }
    commands
        .setOut(out)
        .setErr(err)
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setExpandAtFiles(false) // a word of a job's command may begin with @
        .setColorScheme(CommandLine.Help.defaultColorScheme(CommandLine.Help.Ansi.OFF))
        .setParameterExceptionHandler((wrong, given) -> usage(wrong))
        .setExecutionExceptionHandler((failure, command, parsed) -> failed(failure, err));
    int status = commands.execute(args);
    out.flush();
    err.flush();
    return status;
  }

  /** Returns what creates each command, in the order in which the help lists them. */
  private static Map<String, Supplier<Object>> all(Surroundings around, ServeAction serve) {
    Map<String, Supplier<Object>> all = new LinkedHashMap<>(JobCommands.all(around));
    all.put("top", () -> new TopCommand(around));
    all.put("gpus", () -> gpus(around));
    all.put("retry-upload", () -> new RetryUploadCommand(around));
    all.put("serve", () -> new ServeCommand(serve));
    all.put("token", CommandLineInterface::token);
    all.put(
        "config",
        () -> new CommandLine(new ConfigCommand()).addSubcommand(new ConfigCheckCommand()));
    all.put("backup", BackupCommand::new);
    all.put("restore", RestoreCommand::new);
    return all;
  }

  private static CommandLine token() {
    return new CommandLine(new TokenCommand())
        .addSubcommand(new TokenCreateCommand())
        .addSubcommand(new TokenListCommand())
        .addSubcommand(new TokenRevokeCommand());
  }

  private static CommandLine gpus(Surroundings around) {
    return new CommandLine(new GpusCommand(around))
        .addSubcommand(new GpusQuarantineCommand(around))
        .addSubcommand(new GpusReleaseCommand(around))
        .addSubcommand(new GpusReleaseDriverCommand(around))
        .addSubcommand(new GpusTakeCommand(around));
  }

  private static int usage(ParameterException wrong) {
    CommandLine command = wrong.getCommandLine();
    PrintWriter err = command.getErr();
    err.println("gpurunner: " + wrong.getMessage());
    CommandLine.UnmatchedArgumentException.printSuggestions(wrong, err);
    err.println("Try: " + command.getCommandSpec().qualifiedName() + " --help");
    return ExitStatus.USAGE;
  }

  private static int failed(Exception failure, PrintWriter err) {
    switch (failure) {
      case ConfigException wrong -> wrong.errors().forEach(err::println);
      case UnusableFilesException unusable ->
          unusable.faults().forEach(fault -> err.println("gpurunner: " + fault));
      case AuthException expected -> err.println("gpurunner: " + expected.getMessage());
      case CommandFailedException expected -> {
        err.println("gpurunner: " + expected.getMessage());
        return expected.status();
      }
      default -> {
        err.println("gpurunner: internal error, please report it:");
        failure.printStackTrace(err);
      }
    }
    return ExitStatus.FAILED;
  }
}
