package io.gpurunner.agent.cli;

import io.gpurunner.agent.auth.AuthException;
import io.gpurunner.agent.config.ConfigException;
import io.gpurunner.agent.config.ConfigFile;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;

/**
 * The command {@code gpurunner}. Exit status 0: done, 1: failed, 2: usage. Results go to standard
 * output, everything else to standard error.
 */
public final class CommandLineInterface {
  static final int DONE = 0;
  static final int FAILED = 1;
  static final int USAGE = 2;

  private CommandLineInterface() {}

  /**
   * Runs one command to its end.
   *
   * @param serve what {@code serve} does
   * @return the exit status
   */
  public static int run(String[] args, PrintStream out, PrintStream err, ServeAction serve) {
    PrintWriter errWriter = new PrintWriter(err, true, StandardCharsets.UTF_8);
    return isStartOfTheService(args)
        ? serve(Path.of(args[2]), serve, errWriter)
        : execute(args, new PrintWriter(out, true, StandardCharsets.UTF_8), errWriter, serve);
  }

  /**
   * Returns whether these are the arguments of the systemd unit. Such a start does without picocli:
   * its classes are too old for Java's ahead-of-time cache (their version is Java 5's), and loading
   * and verifying them takes a fourth of the time of a start.
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

  private static int execute(
      String[] args, PrintWriter outWriter, PrintWriter errWriter, ServeAction serve) {
    CommandLine commands =
        new CommandLine(new GpurunnerCommand())
            .addSubcommand(new ServeCommand(serve))
            .addSubcommand(
                new CommandLine(new TokenCommand())
                    .addSubcommand(new TokenCreateCommand())
                    .addSubcommand(new TokenListCommand())
                    .addSubcommand(new TokenRevokeCommand()))
            .addSubcommand(
                new CommandLine(new ConfigCommand()).addSubcommand(new ConfigCheckCommand()))
            .addSubcommand(
                new CommandLine(new GpusCommand())
                    .addSubcommand(new GpusQuarantineCommand())
                    .addSubcommand(new GpusReleaseCommand())
                    .addSubcommand(new GpusReleaseDriverCommand())
                    .addSubcommand(new GpusTakeCommand()))
            .addSubcommand(new RetryUploadCommand())
            .addSubcommand(new BackupCommand())
            .addSubcommand(new RestoreCommand())
            .setOut(outWriter)
            .setErr(errWriter)
            .setColorScheme(CommandLine.Help.defaultColorScheme(CommandLine.Help.Ansi.OFF))
            .setParameterExceptionHandler((wrong, given) -> usage(wrong))
            .setExecutionExceptionHandler((failure, command, parsed) -> failed(failure, errWriter));
    int status = commands.execute(args);
    outWriter.flush();
    errWriter.flush();
    return status;
  }

  private static int usage(ParameterException wrong) {
    CommandLine command = wrong.getCommandLine();
    PrintWriter err = command.getErr();
    err.println("gpurunner: " + wrong.getMessage());
    CommandLine.UnmatchedArgumentException.printSuggestions(wrong, err);
    err.println("Try: " + command.getCommandSpec().qualifiedName() + " --help");
    return USAGE;
  }

  private static int failed(Exception failure, PrintWriter err) {
    switch (failure) {
      case ConfigException wrong -> wrong.errors().forEach(err::println);
      case UnusableFilesException unusable ->
          unusable.faults().forEach(fault -> err.println("gpurunner: " + fault));
      case AuthException expected -> err.println("gpurunner: " + expected.getMessage());
      case CommandFailedException expected -> err.println("gpurunner: " + expected.getMessage());
      default -> {
        err.println("gpurunner: internal error, please report it:");
        failure.printStackTrace(err);
      }
    }
    return FAILED;
  }
}
