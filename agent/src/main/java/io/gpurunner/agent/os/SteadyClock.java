package io.gpurunner.agent.os;

import io.gpurunner.storage.FileFault;
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
 * The agent's clock. It has the time of the wall clock at the agent's first start under this boot,
 * plus what has passed since, also across restarts of the agent. Setting the machine's clock does
 * not move it. So no stop time comes early, and no retry waits for ever. Times for users and for
 * other machines are converted to the wall clock. Thread-safe.
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
   * Continues the clock of this boot, or begins it.
   *
   * @param file where the clock is kept; if it cannot be read, a new one is written; if it cannot
   *     be written, the clock works without it
   * @param bootId the present boot
   * @throws java.io.UncheckedIOException if the kernel's uptime cannot be read
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

  /** Reads the file, which has two lines: the boot's id, and the time at which the boot began. */
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

  /**
   * Writes the file. A full disk does not keep the agent from starting, because stop times must be
   * enforced.
   */
  private static void write(Path file, String bootId, Instant boot) {
    Path next = file.resolveSibling(file.getFileName() + ".new");
    try {
      Files.writeString(next, bootId + "\n" + boot + "\n");
      Files.move(next, file, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      log.warn(
          "{} could not be written ({}): if the machine's clock is set and the agent is started"
              + " again, stop times move with the clock",
          file,
          FileFault.words(e, file));
    }
  }

  @Override
  public Instant instant() {
    return atOpening.plusNanos(nanos.getAsLong() - nanosAtOpening);
  }

  /** Returns the wall clock. */
  public Clock wall() {
    return wall;
  }

  /** Converts a time of this clock to the wall clock as it is set now. */
  public Instant toWall(Instant time) {
    return time.plus(wallAhead());
  }

  /** Converts a time of the wall clock, as it is set now, to this clock. */
  public Instant ofWall(Instant time) {
    return time.minus(wallAhead());
  }

  /**
   * Returns how far the wall clock is ahead, in whole seconds, so that a time is always shown as
   * the same time. It is rounded to the nearest second: the kernel reports its uptime in
   * hundredths, so an agent that starts again is off by some milliseconds in either direction.
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
    throw new UnsupportedOperationException("this clock has only UTC");
  }
}
