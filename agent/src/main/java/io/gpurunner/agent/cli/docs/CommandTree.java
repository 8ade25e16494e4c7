package io.gpurunner.agent.cli.docs;

import java.util.List;
import java.util.Optional;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/** What manual pages and completions need of picocli's model. Stateless. */
final class CommandTree {
  private CommandTree() {}

  /** The kind of value that a parameter takes. */
  enum Kind {
    NONE,
    FILE,
    DIRECTORY,
    JOB,
    OTHER
  }

  /** Returns the commands below one, without hidden ones. */
  static List<CommandSpec> below(CommandSpec command) {
    return command.subcommands().values().stream()
        .map(CommandLine::getCommandSpec)
        .filter(below -> !below.usageMessage().hidden())
        .toList();
  }

  static List<OptionSpec> options(CommandSpec command) {
    return command.options().stream().filter(option -> !option.hidden()).toList();
  }

  static Kind kind(OptionSpec option) {
    return option.arity().max() == 0 ? Kind.NONE : kind(option.paramLabel());
  }

  /** Returns the kind of the command's own parameters. */
  static Kind parameters(CommandSpec command) {
    Optional<PositionalParamSpec> first = command.positionalParameters().stream().findFirst();
    return first.map(parameter -> kind(parameter.paramLabel())).orElse(Kind.NONE);
  }

  private static Kind kind(String label) {
    return switch (label) {
      case "FILE" -> Kind.FILE;
      case "DIR" -> Kind.DIRECTORY;
      case "JOB" -> Kind.JOB;
      default -> Kind.OTHER;
    };
  }

  /** Returns what the command does, in one sentence without its full stop. */
  static String summary(CommandSpec command) {
    return summary(String.join(" ", command.usageMessage().description()));
  }

  static String summary(OptionSpec option) {
    return summary(words(option.description()));
  }

  private static String summary(String text) {
    int end = text.indexOf(". ");
    String first = end < 0 ? text : text.substring(0, end);
    return first.endsWith(".") ? first.substring(0, first.length() - 1) : first;
  }

  static String words(String[] lines) {
    return String.join(" ", lines);
  }

  /** Returns the name with the names of the commands above it: {@code gpurunner gpus take}. */
  static String name(CommandSpec command) {
    return command.qualifiedName();
  }
}
