package io.gpurunner.gpu;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The memory of this machine, in bytes: proc_meminfo(5).
 *
 * @param total all of it; empty if it cannot be read
 * @param used what a new process cannot have without others giving up something
 */
record HostMemory(OptionalLong total, OptionalLong used) {
  private static final Path FILE = Path.of("/proc/meminfo");

  static HostMemory now() {
    return of(FILE);
  }

  static HostMemory of(Path file) {
    try {
      String text = Files.readString(file);
      OptionalLong total = bytes(text, "MemTotal");
      OptionalLong available = bytes(text, "MemAvailable");
      return new HostMemory(
          total,
          total.isPresent() && available.isPresent()
              ? OptionalLong.of(total.getAsLong() - available.getAsLong())
              : OptionalLong.empty());
    } catch (IOException unreadable) {
      return new HostMemory(OptionalLong.empty(), OptionalLong.empty());
    }
  }

  private static OptionalLong bytes(String text, String name) {
    Matcher line = Pattern.compile("(?m)^" + name + ":\\s+(\\d+) kB$").matcher(text);
    return line.find()
        ? OptionalLong.of(Long.parseLong(line.group(1)) << 10)
        : OptionalLong.empty();
  }
}
