package io.gpurunner.agent.cli.docs;

import java.util.List;
import java.util.stream.Collectors;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/** Writes the completion for fish. One object writes one file. */
final class FishCompletion {
  private static final String NO_COMMAND = "__fish_use_subcommand";

  private final StringBuilder file = new StringBuilder();
  private final String program;

  private FishCompletion(String program) {
    this.program = program;
  }

  /** Returns the file {@code gpurunner.fish}. */
  static String of(CommandSpec root) {
    FishCompletion completion = new FishCompletion(root.name());
    completion.line("-f");
    completion.command(root, NO_COMMAND);
    return completion.file.toString();
  }

  /**
   * Writes what follows a command.
   *
   * @param condition holds if the line is at this command
   */
  private void command(CommandSpec command, String condition) {
    List<CommandSpec> below = CommandTree.below(command);
    String names = below.stream().map(CommandSpec::name).collect(Collectors.joining(" "));
    String here =
        below.isEmpty() || condition.equals(NO_COMMAND)
            ? condition
            : condition + "; and not __fish_seen_subcommand_from " + names;
    for (CommandSpec one : below) {
      line(
          "-n %s -a %s -d %s"
              .formatted(quoted(here), one.name(), quoted(CommandTree.summary(one))));
    }
    CommandTree.options(command).forEach(option -> option(option, here));
    parameters(command, here);
    for (CommandSpec one : below) {
      String inside = "__fish_seen_subcommand_from " + one.name();
      command(one, condition.equals(NO_COMMAND) ? inside : condition + "; and " + inside);
    }
  }

  private void option(OptionSpec option, String condition) {
    StringBuilder words = new StringBuilder("-n " + quoted(condition));
    for (String name : option.names()) {
      words.append(name.startsWith("--") ? " -l " + name.substring(2) : " -s " + name.substring(1));
    }
    words.append(
        switch (CommandTree.kind(option)) {
          case NONE -> "";
          case FILE -> " -r -F";
          case DIRECTORY -> " -x -a '(__fish_complete_directories)'";
          case JOB, OTHER -> " -x";
        });
    line(words + " -d " + quoted(CommandTree.summary(option)));
  }

  private void parameters(CommandSpec command, String condition) {
    switch (CommandTree.parameters(command)) {
      case JOB ->
          line(
              "-n %s -a '(%s ls --all --quiet --limit 100 2>/dev/null)'"
                  .formatted(quoted(condition), program));
      case FILE, OTHER -> line("-n " + quoted(condition) + " -F");
      case DIRECTORY, NONE -> {
        // Nothing is completed.
      }
    }
  }

  private void line(String words) {
    file.append("complete -c ").append(program).append(' ').append(words).append('\n');
  }

  private static String quoted(String text) {
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'";
  }
}
