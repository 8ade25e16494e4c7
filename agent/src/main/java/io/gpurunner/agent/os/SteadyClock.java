package io.gpurunner.agent.os;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Optional;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The time the agent goes by: the wall clock's at the agent's first start under this boot, and from
 * then on what has passed since, over restarts of the agent too. Setting the machine's clock does
 * not move it, so no stop time comes early and no retry waits for ever. What is told to people, and
 * what other machines check, is converted or taken from the wall clock itself. Thread-safe.
 */
public final class SteadyClock extends Clock {
  private static final Logger log = LoggerFactory.getLogger(SteadyClock.class);

  private static final Duration HALF_A_SECOND = Duration.ofMillis(500);

  private final Clock wall;
  private final LongSupplier nanos;
  private final Instant atOpening;
  private final long nanosAtOpening;

  private SteadyClock(Clock wall, LongSupplier nanos, Instant atOpening) {
    this.wall = wall;
    this.nanos = nanos;
    this.atOpening = atOpening;
    this.nanosAtOpening = nanos.getAsLong();
  }

  /**
   * Takes up this boot's time, or begins it.
   *
   * @param file where it is kept; one that cannot be read is made anew, one that cannot be written
   *     is done without
   * @param bootId the present boot
   * @throws java.io.UncheckedIOException where the kernel does not tell its uptime
   */
  public static SteadyClock open(Path file, String bootId, HostFacts host) {
    return open(file, bootId, host, Clock.systemUTC(), System::nanoTime);
  }

  static SteadyClock open(
      Path file, String bootId, HostFacts host, Clock wall, LongSupplier nanos) {
    Duration uptime = host.uptime();
    Optional<Instant> begun = read(file, bootId);
    Instant boot = begun.orElseGet(() -> wall.instant().minus(uptime));
    if (begun.isEmpty()) {
      write(file, bootId, boot);
    }
    SteadyClock clock = new SteadyClock(wall, nanos, boot.plus(uptime));
    Duration ahead = clock.wallAhead();
    if (!ahead.isZero()) {
      log.warn(
          "the machine's clock was set by {} s since the agent first ran under this boot; stop"
              + " times and retries do not move with it",
          ahead.toSeconds());
    }
    return clock;
  }

  /** Two lines: the boot's id, and the time it began. */
  private static Optional<Instant> read(Path file, String bootId) {
    try {
      List<String> lines = Files.readAllLines(file);
      return lines.size() == 2 && lines.getFirst().equals(bootId)
          ? Optional.of(Instant.parse(lines.getLast()))
          : Optional.empty();
    } catch (IOException | DateTimeException none) {
      return Optional.empty();
    }
  }

  /** A full disk must not keep the agent from starting: there are stop times to enforce. */
  private static void write(Path file, String bootId, Instant boot) {
    Path next = file.resolveSibling(file.getFileName() + ".new");
    try {
      Files.writeString(next, bootId + "\n" + boot + "\n");
      Files.move(next, file, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      log.warn(
          "{} could not be written ({}): should the machine's clock be set and the agent be started"
              + " again, stop times move with it",
          file,
          FileFault.words(e, file));
    }
  }

  @Override
  public Instant instant() {
    return atOpening.plusNanos(nanos.getAsLong() - nanosAtOpening);
  }

  /** The clock on the wall. */
  public Clock wall() {
    return wall;
  }

  /** What the wall clock, as it is set now, has for a time of this clock. */
  public Instant toWall(Instant time) {
    return time.plus(wallAhead());
  }

  /** The time of this clock at a time that the wall clock, as it is set now, has. */
  public Instant ofWall(Instant time) {
    return time.minus(wallAhead());
  }

  /**
   * In whole seconds, so that a time is told as the same time twice. The nearest: the kernel tells
   * its uptime in hundredths, so that an agent that starts again is off by some milliseconds, to
   * either side.
   */
  private Duration wallAhead() {
    Duration ahead = Duration.between(instant(), wall.instant());
    return Duration.ofSeconds(ahead.plus(HALF_A_SECOND).toSeconds());
  }

  @Override
  public ZoneId getZone() {
    return ZoneOffset.UTC;
  }

  @Override
  public Clock withZone(ZoneId zone) {
    throw new UnsupportedOperationException("times here are UTC");
  }
}
