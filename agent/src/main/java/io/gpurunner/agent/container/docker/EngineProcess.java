package io.gpurunner.agent.container.docker;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/**
 * The engine as a process of this machine. Sources: proc_pid_fd(5), proc_pid_stat(5),
 * proc_pid_status(5), proc_uptime(5). Immutable.
 *
 * @param pid the process' number, which another process may get later
 * @param startTicks when the process began, in ticks since the boot
 * @param socket the link in /proc that shows the socket on which the process listens
 * @param socketTarget where that link leads
 * @param address identifies the file at the socket's path, which another engine replaces; empty for
 *     TCP
 */
record EngineProcess(
    long pid, long startTicks, Path socket, Path socketTarget, Optional<Object> address) {
  private static final Path PROC = Path.of("/proc");

  /** The field of /proc/pid/stat with the start time, counted from the field after the name. */
  private static final int START_TIME = 19;

  /** The line of /proc/pid/status with the effective capabilities, as a hexadecimal mask. */
  private static final String EFFECTIVE_CAPABILITIES = "CapEff:";

  /** The number of CAP_SYS_RESOURCE in that mask (linux/capability.h). */
  private static final int SYS_RESOURCE = 24;

  private static final int HEXADECIMAL = 16;

  /** USER_HZ is 100 on every architecture that Docker runs on. */
  private static final long MILLIS_A_TICK = 10;

  /**
   * Returns a name that no other process has, under this boot or another: the boot's id, the
   * process' number and its start.
   *
   * @throws IOException if the boot's id cannot be read
   */
  String identity() throws IOException {
    String boot = Files.readString(PROC.resolve("sys/kernel/random/boot_id")).strip();
    return boot + "/" + pid + "/" + startTicks;
  }

  /**
   * Returns when the process began, by the wall clock.
   *
   * @throws IOException if the machine's uptime cannot be read
   */
  Instant began() throws IOException {
    return Instant.now().minus(age(startTicks));
  }

  /**
   * Returns how long ago a process began.
   *
   * @throws IOException if the machine's uptime cannot be read
   */
  static Duration age(long startTicks) throws IOException {
    String seconds = Files.readString(PROC.resolve("uptime")).split(" ", 2)[0];
    Duration up = Duration.ofMillis(Math.round(Double.parseDouble(seconds) * 1_000));
    return up.minusMillis(startTicks * MILLIS_A_TICK);
  }

  /**
   * Returns whether the process has the capability to raise resource limits (setrlimit(2)).
   *
   * @throws IOException if the process' capabilities cannot be read
   */
  boolean mayRaiseLimits() throws IOException {
    // The name of the program, which is in it, may be in any encoding.
    Path status = PROC.resolve(Long.toString(pid)).resolve("status");
    return hasSysResource(Files.readString(status, StandardCharsets.ISO_8859_1));
  }

  /**
   * @param status the text of /proc/pid/status
   */
  static boolean hasSysResource(String status) throws IOException {
    String mask =
        status
            .lines()
            .filter(line -> line.startsWith(EFFECTIVE_CAPABILITIES))
            .findFirst()
            .orElseThrow(() -> new IOException("there is no line " + EFFECTIVE_CAPABILITIES))
            .substring(EFFECTIVE_CAPABILITIES.length())
            .strip();
    return ((Long.parseUnsignedLong(mask, HEXADECIMAL) >>> SYS_RESOURCE) & 1) == 1;
  }

  /**
   * Returns whether the process still runs and listens at the address.
   *
   * @param path of the socket; empty for TCP
   */
  boolean isStillThere(Optional<Path> path) {
    try {
      return startTicksOf(pid) == startTicks
          && Files.readSymbolicLink(socket).equals(socketTarget)
          && addressAt(path).equals(address);
    } catch (IOException gone) {
      return false;
    }
  }

  static Optional<Object> addressAt(Optional<Path> path) throws IOException {
    return path.isEmpty()
        ? Optional.empty()
        : Optional.of(Files.readAttributes(path.get(), "unix:dev,ino,ctime"));
  }

  static long startTicksOf(long pid) throws IOException {
    // The name of the program, which is in it, may be in any encoding.
    String stat =
        Files.readString(
            PROC.resolve(Long.toString(pid)).resolve("stat"), StandardCharsets.ISO_8859_1);
    String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", START_TIME + 2);
    return Long.parseLong(fields[START_TIME]);
  }
}
