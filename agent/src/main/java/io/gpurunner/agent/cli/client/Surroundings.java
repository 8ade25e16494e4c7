package io.gpurunner.agent.cli.client;

import io.gpurunner.agent.cli.terminal.Console;
import io.gpurunner.agent.cli.terminal.Screen;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.ZoneId;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/**
 * What a command finds around it. Tests replace it.
 *
 * @param environment the variables of the process
 * @param clock has the time zone in which times are printed
 * @param pause waits for so long
 */
public record Surroundings(
    Console console,
    InputStream in,
    Map<String, String> environment,
    Path home,
    Clock clock,
    Consumer<Duration> pause) {

  /** Returns what a command of this process finds. */
  public static Surroundings ofProcess(PrintStream out, PrintStream err) {
    Map<String, String> environment = System.getenv();
    boolean own = out.equals(System.out) && err.equals(System.err);
    Screen screen = own ? Screen.ofProcess(environment) : Screen.none();
    return new Surroundings(
        new Console(out, err, screen),
        System.in,
        environment,
        Path.of(System.getProperty("user.home", "/")),
        Clock.system(ZoneId.systemDefault()),
        time -> LockSupport.parkNanos(time.toNanos()));
  }

  /** Returns a variable that is set and not empty. */
  public Optional<String> variable(String name) {
    return Optional.ofNullable(environment.get(name)).filter(value -> !value.isEmpty());
  }
}
