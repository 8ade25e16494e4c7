package io.gpurunner.gpu;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the kernel knows of a process. The process chose its command's name itself.
 *
 * @param command the name of its program, of at most 15 characters
 * @param user the name of its user, or the number if that has no name here
 * @param container the first 12 characters of the id of its Docker container; empty outside of one
 */
public record ProcessFacts(String command, String user, Optional<String> container) {
  /** A container's id in the path of a control group, as both of Docker's drivers write it. */
  private static final Pattern CONTAINER = Pattern.compile("[/-]([0-9a-f]{12})[0-9a-f]{52}\\b");

  /** Returns what is known of a process. It is empty if there is none with this number any more. */
  static Optional<ProcessFacts> of(int pid, UserNames names) {
    return of(Path.of("/proc", Integer.toUnsignedString(pid)), names);
  }

  static Optional<ProcessFacts> of(Path process, UserNames names) {
    try {
      // A name may hold any bytes.
      String command =
          new String(Files.readAllBytes(process.resolve("comm")), StandardCharsets.UTF_8).strip();
      Matcher container = CONTAINER.matcher(Files.readString(process.resolve("cgroup")));
      return Optional.of(
          new ProcessFacts(
              printable(command),
              names.userOf(process),
              container.find() ? Optional.of(container.group(1)) : Optional.empty()));
    } catch (IOException ended) {
      return Optional.empty();
    }
  }

  /** Takes out what would change a line of a log or of a terminal. */
  private static String printable(String command) {
    return command.replaceAll("\\p{C}", "?");
  }

  /** Returns it in words: {@code python3 of ann in container 3f2a9c01d4e5}. */
  String words() {
    return command + " of " + user + container.map(id -> " in container " + id).orElse("");
  }
}
