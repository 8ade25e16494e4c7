package io.gpurunner.agent.cli.top;

import io.gpurunner.agent.cli.client.AgentOption;
import io.gpurunner.agent.cli.client.ApiClient;
import io.gpurunner.agent.cli.client.ColourOption;
import io.gpurunner.agent.cli.client.ExitStatus;
import io.gpurunner.agent.cli.client.Surroundings;
import io.gpurunner.agent.cli.terminal.Console;
import java.io.PrintWriter;
import java.time.Clock;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code gpurunner top}. */
@Command(
    name = "top",
    description = {
      "Show the GPUs and the jobs that have not ended, and go on showing them.",
      "? lists the keys. If standard output is no terminal, one picture is printed."
    },
    mixinStandardHelpOptions = true)
public final class TopCommand implements Callable<Integer> {
  /** The width where nothing is cut for a terminal. */
  private static final int FILE_COLUMNS = 200;

  @Mixin private AgentOption agentOption;
  @Mixin private ColourOption colour;

  @Option(names = "--once", description = "Print one picture, and end.")
  private boolean once;

  private final Surroundings around;

  public TopCommand(Surroundings around) {
    this.around = around;
  }

  @Override
  public Integer call() {
    ApiClient agent = agentOption.connect(around);
    Optional<Terminal> terminal =
        once || !around.console().outIsTerminal() || isDumb()
            ? Optional.empty()
            : Terminal.open(around.console());
    if (terminal.isPresent()) {
      show(agent, terminal.get());
    } else {
      print(agent);
    }
    return ExitStatus.DONE;
  }

  /** Returns whether the terminal says that it can do nothing but print. */
  private boolean isDumb() {
    return around.variable("TERM").filter(kind -> !kind.equals("dumb")).isEmpty();
  }

  private void show(ApiClient agent, Terminal terminal) {
    try (terminal) {
      new TopLoop(agent.withoutPatience(), terminal, around, colour.coloured(around)).run();
    }
  }

  private void print(ApiClient agent) {
    Console console = around.console();
    Clock clock = around.clock();
    State state = State.first(agent.address().url());
    Feeder feeder = new Feeder(agent, clock, _ -> {});
    State known = state.heard(new Event.Came(feeder.picture()), 0).state();
    boolean isCut = console.outIsTerminal() || around.variable("COLUMNS").isPresent();
    PrintWriter out = console.out();
    boolean coloured = colour.coloured(around);
    int columns = isCut ? console.columns() : FILE_COLUMNS;
    Frame.once(known, columns, clock.instant().atZone(clock.getZone())).stream()
        .map(line -> isCut ? line.cut(columns) : line)
        .forEach(line -> out.println(line.painted(coloured)));
  }
}
