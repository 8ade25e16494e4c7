package io.gpurunner.agent.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.gpurunner.agent.cli.CommandRun.Outcome;
import io.gpurunner.agent.cli.client.Surroundings;
import io.gpurunner.agent.cli.terminal.Console;
import io.gpurunner.agent.cli.terminal.Screen;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Clock;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;

/** Runs a user's commands in this process, in real time. Thread-safe. */
public final class RealCommands {
  private static final Screen TERMINAL = new Screen.Fixed(true, true, 100);

  private final Map<String, String> environment;

  /** Creates the commands of a user who reaches the agent at this URL with this token. */
  public RealCommands(String url, String token) {
    environment = Map.of("GPURUNNER_URL", url, "GPURUNNER_TOKEN", token);
  }

  /** Runs a command whose outputs are pipes. */
  public Outcome run(String... args) {
    return run("", Screen.none(), args);
  }

  /** Runs a command that reads this text from its standard input. */
  public Outcome reading(String text, String... args) {
    return run(text, Screen.none(), args);
  }

  /** Runs a command on a terminal. */
  public Outcome onTerminal(String... args) {
    return run("", TERMINAL, args);
  }

  private Outcome run(String in, Screen screen, String... args) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    Surroundings around =
        new Surroundings(
            new Console(
                new PrintStream(out, true, UTF_8), new PrintStream(err, true, UTF_8), screen),
            new ByteArrayInputStream(in.getBytes(UTF_8)),
            environment,
            Path.of("/nonexistent"),
            Clock.systemUTC(),
            pause -> LockSupport.parkNanos(pause.toNanos()));
    int status =
        CommandLineInterface.run(
            args,
            around,
            _ -> {
              throw new AssertionError("serve must not run here");
            });
    return new Outcome(status, out.toString(UTF_8), err.toString(UTF_8));
  }
}
