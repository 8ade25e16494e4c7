package io.gpurunner.agent.cli.client;

import io.gpurunner.agent.cli.terminal.TextTable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The options of commands that print a table. */
public final class OutputOption {
  @Option(
      names = "--json",
      description = "Print the agent's JSON, with exact times, instead of a table.")
  private boolean json;

  @Mixin private ColourOption colour = new ColourOption();

  /** Returns whether JSON was asked for. */
  public boolean json() {
    return json;
  }

  /** Returns whether to print colours. */
  public boolean coloured(Surroundings around) {
    return colour.coloured(around);
  }

  /** Prints a table, on a terminal no wider than that. */
  public void print(TextTable table, Surroundings around) {
    around.console().out().println(table.text(around.console().tableColumns(), coloured(around)));
  }
}
