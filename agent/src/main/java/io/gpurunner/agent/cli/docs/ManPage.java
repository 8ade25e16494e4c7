package io.gpurunner.agent.cli.docs;

import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/** Writes a manual page of a command in the language of man(7). One object writes one page. */
final class ManPage {
  private static final List<String> STATUS =
      List.of(
          "0", "done; the job that was waited for has succeeded",
          "1", "failed; the job that was waited for has failed",
          "2", "the command line, the file of contexts or the configuration is wrong",
          "3", "no agent answers",
          "4", "the agent refused, or has no such job",
          "5", "the time to wait is over",
          "130", "ended by Ctrl-C; a job goes on");
  private static final List<String> ENVIRONMENT =
      List.of(
          "GPURUNNER_URL", "the URL of the agent",
          "GPURUNNER_TOKEN", "the user's token",
          "NO_COLOR", "if it is set, nothing is coloured");
  private static final List<String> FILES =
      List.of(
          "~/.config/gpurunner/config.yaml", "the agents that --context names",
          "/etc/gpurunner/gpurunner.yaml", "the configuration of this machine's agent");

  private final StringBuilder page = new StringBuilder();

  private ManPage() {}

  /** Returns the page of a command and of those below it, or of the whole program. */
  static String of(CommandSpec command) {
    boolean isRoot = command.parent() == null;
    return new ManPage().write(command, isRoot);
  }

  private String write(CommandSpec command, boolean isRoot) {
    String name = CommandTree.name(command).replace(' ', '-');
    macro("TH", name.toUpperCase(Locale.ROOT), "1", "", "gpurunner", "gpurunner");
    macro("SH", "NAME");
    line(name + " - " + CommandTree.summary(command));
    macro("SH", "SYNOPSIS");
    line(synopsis(command));
    macro("SH", "DESCRIPTION");
    line(CommandTree.words(command.usageMessage().description()));
    parameters(command);
    macro("SH", "OPTIONS");
    options(command);
    for (CommandSpec below : CommandTree.below(command)) {
      if (isRoot) {
        continue;
      }
      macro("SH", CommandTree.name(below).toUpperCase(Locale.ROOT));
      line(synopsis(below));
      macro("PP");
      line(CommandTree.words(below.usageMessage().description()));
      parameters(below);
      options(below);
    }
    if (isRoot) {
      macro("SH", "COMMANDS");
      CommandTree.below(command)
          .forEach(below -> item(bold(CommandTree.name(below)), CommandTree.summary(below) + "."));
    }
    table("EXIT STATUS", STATUS);
    table("ENVIRONMENT", ENVIRONMENT);
    table("FILES", FILES);
    macro("SH", "SEE ALSO");
    seeAlso(command, isRoot);
    return page.toString();
  }

  private static String synopsis(CommandSpec command) {
    String below = CommandTree.below(command).isEmpty() ? "" : " [COMMAND]";
    String delimiter = command.usageMessage().showEndOfOptionsDelimiterInUsageHelp() ? " [--]" : "";
    String parameters =
        command.positionalParameters().stream()
            .map(
                parameter ->
                    (parameter.required() ? " %s" : " [%s]")
                        .formatted(
                            parameter.paramLabel() + (parameter.arity().max() > 1 ? "..." : "")))
            .collect(Collectors.joining());
    return CommandTree.name(command) + " [OPTION]..." + below + delimiter + parameters;
  }

  private void parameters(CommandSpec command) {
    for (PositionalParamSpec parameter : command.positionalParameters()) {
      item(italic(parameter.paramLabel()), CommandTree.words(parameter.description()));
    }
  }

  private void options(CommandSpec command) {
    for (OptionSpec option : CommandTree.options(command)) {
      boolean hasValue = CommandTree.kind(option) != CommandTree.Kind.NONE;
      String names = Stream.of(option.names()).map(ManPage::bold).collect(Collectors.joining(", "));
      item(
          names + (hasValue ? "=" + italic(option.paramLabel()) : ""),
          CommandTree.words(option.description()));
    }
  }

  private void seeAlso(CommandSpec command, boolean isRoot) {
    Stream<String> pages =
        isRoot
            ? CommandTree.below(command).stream().map(CommandTree::name)
            : Stream.of(CommandTree.name(command.root()));
    page.append(
            pages
                .map(name -> bold(name.replace(' ', '-')) + "(1)")
                .collect(Collectors.joining(", ")))
        .append('\n');
  }

  private void table(String title, List<String> pairs) {
    macro("SH", title);
    for (int at = 0; at < pairs.size(); at += 2) {
      item(bold(pairs.get(at)), pairs.get(at + 1) + ".");
    }
  }

  /**
   * @param label already in the language of man(7)
   */
  private void item(String label, String words) {
    macro("TP");
    page.append(label).append('\n');
    line(words);
  }

  private void macro(String name, String... arguments) {
    page.append('.').append(name);
    Stream.of(arguments).forEach(text -> page.append(" \"").append(escaped(text)).append('"'));
    page.append('\n');
  }

  private void line(String text) {
    // A line that begins with a point would be a macro.
    page.append(text.startsWith(".") ? "\\&" : "").append(escaped(text)).append('\n');
  }

  private static String bold(String text) {
    return "\\fB" + escaped(text) + "\\fR";
  }

  private static String italic(String text) {
    return "\\fI" + escaped(text) + "\\fR";
  }

  private static String escaped(String text) {
    return text.replace("\\", "\\e")
        .replace("-", "\\-")
        .replace("\"", "\\(dq")
        .replace("'", "\\(aq");
  }
}
