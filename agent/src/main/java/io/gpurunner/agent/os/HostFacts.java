package io.gpurunner.agent.os;

import io.gpurunner.storage.FileFault;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the kernel says about this host (proc(5)). Each call reads it again. Thread-safe. Every
 * method throws {@link UncheckedIOException} naming the file if it cannot be read.
 */
public final class HostFacts {
  private static final Pattern MEM_TOTAL =
      Pattern.compile("^MemTotal:\\s+([0-9]+) kB$", Pattern.MULTILINE);
  private static final long BYTES_PER_KIB = 1024;

  private final Path proc;

  public HostFacts() {
    this(Path.of("/proc"));
  }

  HostFacts(Path proc) {
    this.proc = proc;
  }

  /** Returns a UUID that is new at every boot. */
  public String bootId() {
    return read("sys/kernel/random/boot_id").strip();
  }

  /** Returns the name of this host. */
  public String hostName() {
    return read("sys/kernel/hostname").strip();
  }

  /** Returns the time since this boot, to a hundredth of a second. */
  public Duration uptime() {
    String seconds = read("uptime").split(" ", 2)[0];
    try {
      return Duration.ofMillis(new BigDecimal(seconds).movePointRight(3).longValueExact());
    } catch (ArithmeticException | NumberFormatException e) {
      throw new UncheckedIOException(
          new IOException(proc.resolve("uptime") + ": is not a time: " + seconds, e));
    }
  }

  /**
   * Returns the memory that the kernel manages, in bytes. It is a little less than the memory that
   * is built in.
   */
  public long totalMemoryBytes() {
    Matcher matcher = MEM_TOTAL.matcher(read("meminfo"));
    if (!matcher.find()) {
      throw new UncheckedIOException(
          new IOException(proc.resolve("meminfo") + ": has no line MemTotal"));
    }
    return Long.parseLong(matcher.group(1)) * BYTES_PER_KIB;
  }

  private String read(String file) {
    try {
      return Files.readString(proc.resolve(file));
    } catch (IOException failure) {
      throw new UncheckedIOException(FileFault.words(failure), failure);
    }
  }
}
