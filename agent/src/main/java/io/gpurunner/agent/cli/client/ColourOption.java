package io.gpurunner.agent.cli.client;

import picocli.CommandLine.Option;

/** The option that says when a command prints colours. */
public final class ColourOption {
  @Option(
      names = "--color",
      paramLabel = "WHEN",
      description = "auto, always or never. auto: on a terminal, if NO_COLOR is not set.")
  private When colour = When.AUTO;

  /** When there are colours. */
  private enum When {
    AUTO,
    ALWAYS,
    NEVER
  }

  /** Returns whether to print colours. */
  public boolean coloured(Surroundings around) {
    return switch (colour) {
      case AUTO -> around.console().wantsColour(around.environment());
      case ALWAYS -> true;
      case NEVER -> false;
    };
  }
}
