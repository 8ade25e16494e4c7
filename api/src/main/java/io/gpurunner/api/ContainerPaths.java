package io.gpurunner.api;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;

/**
 * The paths inside a container at which a request wants directories mounted. Each path is checked
 * alone, and then all are compared with one another. Not thread-safe.
 */
final class ContainerPaths {
  /** The directories of the kernel. Nothing is mounted on them or below them. */
  private static final List<String> KERNEL_TREES = List.of("/proc", "/sys", "/dev");

  /**
   * Directories of the system. A mount on one of them would hide what the image's programs need to
   * start, or what Docker puts there. Directories below them are allowed.
   */
  private static final Set<String> SYSTEM_DIRECTORIES =
      Set.of(
          "/bin",
          "/boot",
          "/etc",
          "/etc/hostname",
          "/etc/hosts",
          "/etc/resolv.conf",
          "/lib",
          "/lib32",
          "/lib64",
          "/libx32",
          "/run",
          "/sbin",
          "/usr",
          "/usr/bin",
          "/usr/lib",
          "/usr/lib32",
          "/usr/lib64",
          "/usr/local",
          "/usr/local/bin",
          "/usr/local/lib",
          "/usr/sbin",
          "/var",
          "/var/run");

  private static final String WHAT = "an absolute container path";

  private final Fields fields;
  private final Map<String, Place> accepted = new LinkedHashMap<>();

  /**
   * An accepted path.
   *
   * @param readOnly whether what is mounted there is read-only
   * @param hasDirectory whether what is mounted there holds a directory of that relative path
   */
  private record Place(String path, boolean readOnly, Predicate<String> hasDirectory) {}

  ContainerPaths(Fields fields) {
    this.fields = fields;
  }

  /**
   * Returns the normalised path of a directory that the job writes. It is empty if the path was
   * refused.
   */
  Optional<String> writable(String field) {
    return required(field, false, inside -> false);
  }

  /**
   * Returns the normalised path of a read-only mount. It is empty if the path was refused.
   *
   * @param hasDirectory returns whether what is mounted there holds a directory of that relative
   *     path
   */
  Optional<String> readOnly(String field, Predicate<String> hasDirectory) {
    return required(field, true, hasDirectory);
  }

  private Optional<String> required(
      String field, boolean readOnly, Predicate<String> hasDirectory) {
    Optional<String> path =
        fields
            .requiredText(field, WHAT, JobRequestLimits.MAX_PATH_CHARACTERS)
            .flatMap(text -> checked(field, text));
    path.ifPresent(text -> accepted.put(field, new Place(text, readOnly, hasDirectory)));
    return path;
  }

  /**
   * Refuses every path that equals another one or lies inside it. But a read-only mount may be
   * below a directory that the job writes. There the engine makes the empty directory or file on
   * which it mounts, and that stays in the job's directory. And a directory that the job writes may
   * be below a read-only mount that holds a directory of that name.
   */
  void refuseCollisions() {
    List<Map.Entry<String, Place>> places = List.copyOf(accepted.entrySet());
    for (int later = 1; later < places.size(); later++) {
      for (int earlier = 0; earlier < later; earlier++) {
        var one = places.get(earlier);
        var other = places.get(later);
        collision(one.getKey(), one.getValue(), other.getValue())
            .ifPresent(reason -> fields.refuse(other.getKey(), reason));
      }
    }
  }

  /**
   * Returns why two mounts cannot be together. Directories that the job writes come before
   * read-only mounts.
   */
  private static Optional<String> collision(String field, Place one, Place other) {
    String named = "%s (%s)".formatted(field, Shown.quoted(one.path()));
    String was = Shown.quoted(other.path());
    boolean isAbove = within(one.path(), other.path());
    if (!isAbove && !within(other.path(), one.path())) {
      return Optional.empty();
    }
    if (one.readOnly() == other.readOnly()) {
      return Optional.of(
          "must be neither %s nor a parent or child of it, was %s".formatted(named, was));
    }
    if (!isAbove
        || (!one.path().equals(other.path())
            && other.hasDirectory().test(one.path().substring(other.path().length() + 1)))) {
      return Optional.empty();
    }
    return Optional.of(
        ("must be neither %s nor a parent of it, was %s: what is mounted there is read-only and has no"
                + " such directory, so that of %s cannot be made in it; a path below %s is accepted")
            .formatted(named, was, field, field));
  }

  private Optional<String> checked(String field, String text) {
    if (!text.startsWith("/")) {
      return refused(field, WHAT, text);
    }
    if (text.indexOf(':') >= 0) {
      return refused(field, WHAT + " without ':'", text);
    }
    List<String> parts = new ArrayList<>();
    for (String part : text.split("/", -1)) {
      if (part.equals("..")) {
        return refused(field, WHAT + " without '..'", text);
      }
      if (part.getBytes(StandardCharsets.UTF_8).length > JobRequestLimits.MAX_PATH_PART_BYTES) {
        return refused(
            field,
            WHAT + " with parts of at most " + JobRequestLimits.MAX_PATH_PART_BYTES + " bytes",
            text);
      }
      if (!part.isEmpty() && !part.equals(".")) {
        parts.add(part);
      }
    }
    String path = "/" + String.join("/", parts);
    if (parts.isEmpty()) {
      return refused(field, WHAT + " below /", text);
    }
    for (String tree : KERNEL_TREES) {
      if (within(path, tree)) {
        return refused(field, WHAT + " outside /proc, /sys and /dev", text);
      }
    }
    if (SYSTEM_DIRECTORIES.contains(path)) {
      return refused(field, WHAT + " that is no system directory of the image", text);
    }
    return Optional.of(path);
  }

  private Optional<String> refused(String field, String accepted, String was) {
    fields.refuse(field, accepted, new JsonValue.Text(was));
    return Optional.empty();
  }

  /** Returns whether {@code path} is {@code tree} or lies in it. Both are normalised. */
  private static boolean within(String path, String tree) {
    return path.equals(tree) || path.startsWith(tree + "/");
  }
}
