package io.gpurunner.agent.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.gpurunner.agent.cli.client.Surroundings;
import io.gpurunner.agent.cli.terminal.Console;
import io.gpurunner.agent.cli.terminal.Screen;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Runs commands as a user would, with a clock that moves only in pauses. */
public final class CommandRun {
  static final Instant BEGIN = Instant.parse("2026-03-01T12:00:00Z");

  private final Path home;
  private final Map<String, String> environment = new HashMap<>();
  private final List<Duration> pauses = new ArrayList<>();
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  private Screen screen = Screen.none();
  private String in = "";
  private Instant now = BEGIN;

  /** The exit status and the outputs of a command. */
  public record Outcome(int status, String out, String err) {}

  CommandRun(Path home) {
    this.home = home;
  }

  /** Returns a run of a user who reaches this agent. */
  public static CommandRun at(FakeAgent agent) {
    return new CommandRun(Path.of("/nonexistent"))
        .with("GPURUNNER_URL", agent.url())
        .with("GPURUNNER_TOKEN", "token");
  }

  public CommandRun with(String variable, String value) {
    environment.put(variable, value);
    return this;
  }

  /** Lets both outputs be a terminal. */
  public CommandRun onTerminal(int columns) {
    screen = new Screen.Fixed(true, true, columns);
    return this;
  }

  public CommandRun reading(String text) {
    in = text;
    return this;
  }

  public List<Duration> pauses() {
    return pauses;
  }

  /** Returns what came to standard error until now. */
  public String err() {
    return err.toString(UTF_8);
  }

  public Surroundings surroundings() {
    return new Surroundings(
        new Console(new PrintStream(out, true, UTF_8), new PrintStream(err, true, UTF_8), screen),
        new ByteArrayInputStream(in.getBytes(UTF_8)),
        environment,
        home,
        ((InstantSource) () -> now).withZone(ZoneOffset.ofHours(8)),
        pause -> {
          pauses.add(pause);
          now = now.plus(pause);
        });
  }

  public Outcome run(String... args) {
    int status =
        CommandLineInterface.run(
            args,
            surroundings(),
            _ -> {
              throw new AssertionError("serve must not run here");
            });
    return new Outcome(status, out.toString(UTF_8), err.toString(UTF_8));
  }
}
