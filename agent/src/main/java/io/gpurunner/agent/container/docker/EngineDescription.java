package io.gpurunner.agent.container.docker;

import com.github.dockerjava.api.model.Info;
import com.github.dockerjava.api.model.RuntimeInfo;
import io.gpurunner.agent.container.ContainerRoot;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The parts of {@code docker info} that the agent uses.
 *
 * @param version {@code 20.10.24+dfsg1}
 * @param runtimes path of each registered OCI runtime by name; an empty path if the engine finds it
 *     by itself
 * @param defaultRuntime the runtime of containers that name none
 * @param cdiDirectories where the engine looks for CDI specifications; empty if CDI is off or
 *     unknown to it (before 25)
 * @param cdiDevices CDI devices that the engine says it found; before 28.2 it lists none
 * @param dataRoot the directory of images and containers; empty if the engine does not say
 * @param systemdManagesCgroups whether the engine's cgroup driver is systemd
 * @param rootless whether the engine runs as an ordinary user, in a user namespace
 * @param remapsUsers whether containers have a user namespace, in which root is an ordinary user of
 *     the machine ({@code userns-remap})
 */
record EngineDescription(
    String version,
    Map<String, String> runtimes,
    String defaultRuntime,
    List<String> cdiDirectories,
    List<String> cdiDevices,
    Optional<Path> dataRoot,
    boolean systemdManagesCgroups,
    boolean rootless,
    boolean remapsUsers) {
  /**
   * The oldest major version with which the agent was tested. It has device requests, and API 1.41
   * without BuildKit.
   */
  private static final int OLDEST_MAJOR_VERSION = 20;

  /**
   * The versions 24.0.0 to 24.0.2, which report false successes: moby issue 45788, fixed by its
   * pull request 45800.
   */
  private static final Pattern TELLS_FALSE_SUCCESSES = Pattern.compile("24\\.0\\.[0-2](?!\\d)");

  /** How the engine names its rootless mode among its security options. */
  private static final String ROOTLESS = "name=rootless";

  /** How the engine names user namespaces among its security options. */
  private static final String USER_NAMESPACES = "name=userns";

  /** With user namespaces, the last name of the engine's directory is root's user and group. */
  private static final Pattern REMAPPED_ROOT = Pattern.compile("(\\d{1,9})\\.(\\d{1,9})");

  static EngineDescription of(Info info) {
    Map<String, String> runtimes = new HashMap<>();
    Map<String, RuntimeInfo> registered = info.getRuntimes();
    if (registered != null) {
      registered.forEach(
          (name, runtime) -> runtimes.put(name, Objects.requireNonNullElse(runtime.getPath(), "")));
    }
    // The library has no method for these keys, but keeps their values.
    Map<String, Object> raw = info.getRawValues();
    List<String> devices =
        list(raw.get("DiscoveredDevices")).stream()
            .flatMap(item -> item instanceof Map<?, ?> device ? text(device.get("ID")) : empty())
            .toList();
    List<String> security =
        Objects.requireNonNullElse(info.getSecurityOptions(), List.<String>of());
    return new EngineDescription(
        Objects.requireNonNullElse(info.getServerVersion(), "unknown"),
        Map.copyOf(runtimes),
        raw.get("DefaultRuntime") instanceof String name ? name : "runc",
        list(raw.get("CDISpecDirs")).stream().flatMap(EngineDescription::text).toList(),
        devices,
        Optional.ofNullable(info.getDockerRootDir())
            .filter(root -> root.startsWith("/"))
            .map(Path::of),
        "systemd".equals(info.getCGroupDriver()),
        security.contains(ROOTLESS),
        security.contains(USER_NAMESPACES));
  }

  /**
   * Returns why jobs cannot run on this engine, as the rest of a sentence. It is empty if they can.
   */
  Optional<String> whyUnfit() {
    if (majorVersion().filter(major -> major < OLDEST_MAJOR_VERSION).isPresent()) {
      return Optional.of("; 20.10 or newer is needed");
    }
    if (remapsUsers && containerRoot().isEmpty()) {
      return Optional.of(
          ", which remaps users (userns-remap), and its directory "
              + dataRoot.map(Path::toString).orElse("")
              + " does not end with the user and the group of root in containers (100000.100000),"
              + " so the directories of jobs would have the wrong owner");
    }
    return TELLS_FALSE_SUCCESSES.matcher(version).lookingAt()
        ? Optional.of(
            ", which reports exit code 0 for a container whose end it missed; 24.0.3 or newer is"
                + " needed")
        : Optional.empty();
  }

  /** Returns what root of a container is on this machine. It is empty if it is root. */
  Optional<ContainerRoot> containerRoot() {
    return dataRoot
        .filter(directory -> remapsUsers)
        .map(directory -> REMAPPED_ROOT.matcher(String.valueOf(directory.getFileName())))
        .filter(Matcher::matches)
        .map(
            numbers ->
                new ContainerRoot(
                    Integer.parseInt(numbers.group(1)), Integer.parseInt(numbers.group(2))));
  }

  /** Returns the major version. It is empty if the engine prints none ({@code dev} builds). */
  Optional<Integer> majorVersion() {
    int dot = version.indexOf('.');
    try {
      return dot < 1 ? Optional.empty() : Optional.of(Integer.valueOf(version.substring(0, dot)));
    } catch (NumberFormatException e) {
      return Optional.empty();
    }
  }

  /**
   * Returns whether a container that names no runtime runs with NVIDIA's runtime, which attaches
   * whatever the image's environment asks for.
   */
  boolean defaultRuntimeIsNvidia() {
    return isNvidia(defaultRuntime) || isNvidia(runtimes.getOrDefault(defaultRuntime, ""));
  }

  boolean hasNvidiaRuntime() {
    return runtimes.entrySet().stream()
        .anyMatch(runtime -> isNvidia(runtime.getKey()) || isNvidia(runtime.getValue()));
  }

  private static boolean isNvidia(String runtime) {
    return runtime.contains("nvidia");
  }

  private static List<?> list(@Nullable Object value) {
    return value instanceof List<?> list ? list : List.of();
  }

  private static Stream<String> text(@Nullable Object value) {
    return value instanceof String text ? Stream.of(text) : empty();
  }

  private static Stream<String> empty() {
    return Stream.empty();
  }
}
