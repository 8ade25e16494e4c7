package io.gpurunner.agent.cli.docs;

import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/** Writes the completion for zsh (zshcompsys). One object writes one file. */
final class ZshCompletion {
  private final StringBuilder file = new StringBuilder();

  private ZshCompletion() {}

  /** Returns the file {@code _gpurunner}. */
  static String of(CommandSpec root) {
    ZshCompletion completion = new ZshCompletion();
    completion.file.append("#compdef ").append(root.name()).append('\n');
    completion.jobs(root);
    completion.function(root);
    completion.file.append('\n').append(function(CommandTree.name(root))).append(" \"$@\"\n");
    return completion.file.toString();
  }

  private void jobs(CommandSpec root) {
    file.append("\n_gpurunner_jobs() {\n  compadd -- ${(f)\"$(")
        .append(root.name())
        .append(" ls --all --quiet --limit 100 2>/dev/null)\"}\n}\n");
  }

  /** Writes the function that completes a command, and before it those of the commands below. */
  private void function(CommandSpec command) {
    List<CommandSpec> below = CommandTree.below(command);
    below.forEach(this::function);
    file.append('\n').append(function(CommandTree.name(command))).append("() {\n");
    if (!below.isEmpty()) {
      file.append("  if (( CURRENT > 2 )); then\n    case $words[2] in\n");
      for (CommandSpec one : below) {
        file.append(
            "      %s) shift words; (( CURRENT-- )); %s; return ;;\n"
                .formatted(one.name(), function(CommandTree.name(one))));
      }
      file.append("    esac\n  fi\n  local -a commands=(\n");
      for (CommandSpec one : below) {
        file.append("    ")
            .append(quoted(one.name() + ":" + CommandTree.summary(one)))
            .append('\n');
      }
      file.append("  )\n");
    }
    file.append("  _arguments -s -S");
    CommandTree.options(command).forEach(option -> file.append(" \\\n    ").append(option(option)));
    file.append(
        below.isEmpty()
            ? parameters(command)
            : " \\\n    '1:command:{_describe command commands}'");
    file.append("\n}\n");
  }

  private static String function(String name) {
    return "_" + name.replaceAll("[ -]", "_");
  }

  /** Returns an option as _arguments takes it: {@code '(-f --follow)'{-f,--follow}'[Go on]'}. */
  private static String option(OptionSpec option) {
    List<String> names = List.of(option.names());
    CommandTree.Kind kind = CommandTree.kind(option);
    String value =
        kind == CommandTree.Kind.NONE
            ? ""
            : ":" + option.paramLabel().replace(":", "\\:") + ":" + action(kind);
    String rest =
        "[" + CommandTree.summary(option).replaceAll("([\\[\\]:])", "\\\\$1") + "]" + value;
    String many = option.isMultiValue() ? "*" : "(" + String.join(" ", names) + ")";
    String spelled =
        names.stream()
            .map(name -> name.startsWith("--") && !value.isEmpty() ? name + "=" : name)
            .collect(Collectors.joining(","));
    return names.size() == 1
        ? quoted((option.isMultiValue() ? "*" : "") + spelled + rest)
        : quoted(many) + "{" + spelled + "}" + quoted(rest);
  }

  private static String parameters(CommandSpec command) {
    CommandTree.Kind kind = CommandTree.parameters(command);
    return Stream.of(kind)
        .filter(given -> given != CommandTree.Kind.NONE)
        .map(
            given ->
                " \\\n    '*:parameter:"
                    + (action(given).isEmpty() ? "_files" : action(given))
                    + "'")
        .collect(Collectors.joining());
  }

  private static String action(CommandTree.Kind kind) {
    return switch (kind) {
      case FILE -> "_files";
      case DIRECTORY -> "_files -/";
      case JOB -> "_gpurunner_jobs";
      case NONE, OTHER -> "";
    };
  }

  private static String quoted(String text) {
    return "'" + text.replace("'", "'\\''") + "'";
  }
}
