package io.gpurunner.agent.container.docker;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import java.util.NavigableSet;
import java.util.OptionalInt;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The device nodes of NVIDIA's GPUs: {@code /dev/nvidia<minor>}, with the major number 195. The
 * kernel shows those of a process as {@code /proc/<pid>/root/dev}. Stateless.
 */
final class NvidiaNodes {
  /** NVIDIA's major number (kernel documentation, admin-guide/devices.txt). */
  private static final int MAJOR = 195;

  /** Above the last GPU: 254 is nvidia-modeset, and 255 is nvidiactl. */
  private static final int FIRST_OTHER_MINOR = 254;

  private static final Pattern NAME = Pattern.compile("nvidia(\\d{1,4})");

  /** The bits of {@code st_mode} that tell the type of a file, and their value for a device. */
  private static final int TYPE_BITS = 0xF000;

  private static final int CHARACTER_DEVICE = 0x2000;

  private NvidiaNodes() {}

  static String path(int minor) {
    return "/dev/nvidia" + minor;
  }

  /**
   * Returns the numbers of the GPUs whose device nodes a process sees, by name or by number.
   *
   * @throws ContainerException FAILED if the kernel does not show them
   */
  static NavigableSet<Integer> seenBy(long pid) {
    return in(Path.of("/proc", Long.toString(pid), "root/dev"));
  }

  /**
   * Returns whether a process sees the device node of a GPU. Looks at nothing else that is there.
   *
   * @throws ContainerException FAILED if the kernel does not show it
   */
  static boolean isSeenBy(long pid, int minor) {
    Path node = Path.of("/proc", Long.toString(pid), "root" + path(minor));
    try {
      return minorOf(node).isPresent();
    } catch (NoSuchFileException none) {
      return false;
    } catch (IOException e) {
      throw new ContainerException(
          Kind.FAILED, "the devices of a container cannot be looked at: " + e, e);
    }
  }

  static NavigableSet<Integer> in(Path directory) {
    NavigableSet<Integer> minors = new TreeSet<>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
      for (Path entry : entries) {
        minorOf(entry).ifPresent(minors::add);
      }
    } catch (IOException | DirectoryIteratorException e) {
      throw new ContainerException(
          Kind.FAILED, "the devices of a container cannot be listed: " + e, e);
    }
    return minors;
  }

  private static OptionalInt minorOf(Path entry) throws IOException {
    Map<String, Object> found =
        Files.readAttributes(entry, "unix:mode,rdev", LinkOption.NOFOLLOW_LINKS);
    if (!(found.get("mode") instanceof Integer mode)
        || (mode & TYPE_BITS) != CHARACTER_DEVICE
        || !(found.get("rdev") instanceof Long device)) {
      return OptionalInt.empty();
    }
    int minor = minor(device);
    if (major(device) == MAJOR && minor < FIRST_OTHER_MINOR) {
      return OptionalInt.of(minor);
    }
    Matcher name = NAME.matcher(entry.getFileName().toString());
    return name.matches() ? OptionalInt.of(Integer.parseInt(name.group(1))) : OptionalInt.empty();
  }

  // How Linux puts both numbers into a dev_t: gnu_dev_major, gnu_dev_minor (glibc).

  private static int major(long device) {
    return (int) ((device >> 8) & 0xFFF);
  }

  private static int minor(long device) {
    return (int) ((device & 0xFF) | ((device >> 12) & 0xFFF00));
  }
}
