package io.gpurunner.agent.container.docker;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.command.InspectContainerResponse;
import com.github.dockerjava.api.exception.NotFoundException;
import com.github.dockerjava.api.model.HostConfig;
import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.NavigableSet;
import java.util.OptionalInt;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Starts a container of the agent's own, to learn whether the engine can start any. It has what the
 * containers of jobs have: their network, limits, init process and GPUs. Its image holds two small
 * files, and is made here. Thread-safe; one trial at a time.
 */
final class TrialContainer {
  /**
   * The image. It is loaded whenever the engine does not have it. No registry of that name can
   * exist (RFC 2606), so no job can have another image pulled in its place.
   */
  static final String IMAGE = "gpurunner.invalid/trial:2";

  private static final Logger log = LoggerFactory.getLogger(TrialContainer.class);

  /** The program in the image. */
  private static final String PROGRAM = "/probe";

  /** The longest wait until the program has opened a device. Waking a GPU takes seconds. */
  private static final Duration OPEN_LIMIT = Duration.ofSeconds(20);

  private static final Duration PAUSE = Duration.ofMillis(50);

  /** EHWPOISON, the largest error number of Linux (errno.h). A status above it is a signal's. */
  private static final int LARGEST_ERROR = 133;

  /** Docker's init process, which the engine puts into every container of ours. */
  private static final String INIT = "/sbin/docker-init";

  private final EngineConnection connection;
  private final OurLabels labels;

  TrialContainer(EngineConnection connection, OurLabels labels) {
    this.connection = connection;
    this.labels = labels;
  }

  /** Returns a name for one trial. What hangs of an earlier one must not be in the way. */
  private String name() {
    return "gpurunner-trial-" + labels.instance() + "-" + UUID.randomUUID();
  }

  /**
   * What a trial has in common with the containers of jobs.
   *
   * @param environment the variables that decide about its devices
   */
  record Host(HostConfig config, Map<String, String> environment) {}

  /**
   * Creates, starts and removes the container.
   *
   * @throws ContainerException with the engine's words, if that is not possible
   */
  void start(Host host) {
    run(host, List.of(INIT, "--version"), _ -> {});
  }

  /**
   * Does the same, and checks that the container can open the device node of a GPU and sees no
   * other GPU's.
   *
   * @param minor the number of the device node
   * @throws ContainerException GPUS_UNFIT if that is not so; otherwise as {@link #start}
   */
  void startAndLook(Host host, int minor) {
    if (ProbeProgram.of(architecture()).isEmpty()) {
      start(host);
      return;
    }
    run(host, List.of(PROGRAM, NvidiaNodes.path(minor)), id -> look(id, minor));
  }

  private void run(Host host, List<String> command, Consumer<String> look) {
    String name = name();
    try {
      loadImage();
      String id =
          connection.call(
              "creating a container for a trial",
              CallLimits.CREATE,
              docker -> create(docker, name, host, command));
      connection.run(
          "starting a container for a trial",
          CallLimits.START,
          docker -> docker.startContainerCmd(id).exec());
      look.accept(id);
    } finally {
      remove(name);
    }
  }

  private String create(DockerClient docker, String name, Host host, List<String> command) {
    return docker
        .createContainerCmd(IMAGE)
        .withName(name)
        .withLabels(Map.of(OurLabels.INSTANCE, labels.instance()))
        .withEnv(
            host.environment().entrySet().stream()
                .map(entry -> entry.getKey() + "=" + entry.getValue())
                .toList())
        .withEntrypoint(command)
        .withHostConfig(host.config())
        .exec()
        .getId();
  }

  private void look(String id, int minor) {
    String node = NvidiaNodes.path(minor);
    long end = System.nanoTime() + OPEN_LIMIT.toNanos();
    while (System.nanoTime() < end) {
      for (ProcessHandle process : ContainerProcesses.of(id)) {
        if (hasOpen(process.pid(), node)) {
          requireOnly(minor, NvidiaNodes.seenBy(process.pid()));
          return;
        }
      }
      OptionalInt exitCode = exitCode(id);
      if (exitCode.isPresent()) {
        throw new ContainerException(
            Kind.GPUS_UNFIT,
            "a container that should get " + node + why(exitCode.getAsInt(), minor));
      }
      LockSupport.parkNanos(PAUSE.toNanos());
    }
    throw new ContainerException(
        Kind.GPUS_UNFIT,
        "a container could not open %s within %d s: the NVIDIA driver hangs; see dmesg"
            .formatted(node, OPEN_LIMIT.toSeconds()));
  }

  private static void requireOnly(int minor, NavigableSet<Integer> seen) {
    if (!seen.equals(Set.of(minor))) {
      throw new ContainerException(
          Kind.GPUS_UNFIT,
          "a container that should get only "
              + NvidiaNodes.path(minor)
              + " got "
              + seen.stream().map(NvidiaNodes::path).collect(Collectors.joining(", "))
              + ": check the CDI specification, or the configuration of NVIDIA's container runtime");
    }
  }

  /** Returns what a container found that could not open the node, by the error number. */
  private static String why(int errorNumber, int minor) {
    return switch (errorNumber) {
      case 2 ->
          " does not have it: make the CDI specification again (nvidia-ctk cdi generate), or"
              + " update nvidia-container-toolkit";
      case 1, 13 ->
          " may not open it: its control group or the node's mode refuses that; see \"nvidia-smi\" in"
              + " a container of yours";
      case 5, 6, 19 ->
          " cannot open it: the NVIDIA driver does not know the device (error "
              + errorNumber
              + "); see dmesg, and \"nvidia-modprobe -c "
              + minor
              + "\" makes its node again";
      default ->
          errorNumber > LARGEST_ERROR
              ? " was ended from outside (status " + errorNumber + ")"
              : " cannot open it: error " + errorNumber + "; see dmesg";
    };
  }

  /**
   * Returns whether a process has a file open, by the name that it has in the process's own root.
   *
   * @throws ContainerException GPUS_UNFIT if the agent may not look
   */
  static boolean hasOpen(long pid, String file) {
    try (DirectoryStream<Path> open =
        Files.newDirectoryStream(Path.of("/proc", Long.toString(pid), "fd"))) {
      for (Path descriptor : open) {
        if (Files.readSymbolicLink(descriptor).toString().equals(file)) {
          return true;
        }
      }
    } catch (IOException | DirectoryIteratorException e) {
      if (isForbidden(e)) {
        throw new ContainerException(
            Kind.GPUS_UNFIT,
            "the agent may not see what the processes of a container have open, so it cannot know"
                + " which GPUs a container gets: it needs the capability CAP_SYS_PTRACE, and no"
                + " AppArmor or SELinux rule may forbid it",
            e);
      }
      // It opened and closed files meanwhile, or ended. The next look tells.
    }
    return false;
  }

  private static boolean isForbidden(Exception e) {
    return e instanceof AccessDeniedException || e.getCause() instanceof AccessDeniedException;
  }

  /** Returns how the container has ended. It is empty while it runs. */
  private OptionalInt exitCode(String id) {
    return connection.call(
        "looking at the container of a trial",
        CallLimits.QUICK,
        docker -> {
          InspectContainerResponse.ContainerState state =
              docker.inspectContainerCmd(id).exec().getState();
          Long code = state.getExitCodeLong();
          return code == null || Boolean.TRUE.equals(state.getRunning())
              ? OptionalInt.empty()
              : OptionalInt.of(code.intValue());
        });
  }

  /**
   * Removes the container. If that is not possible, because a driver hangs in it, it is left
   * behind: later its label shows that no job has it, and it is removed with the other such
   * containers.
   */
  private void remove(String name) {
    try {
      connection.run(
          "removing the container of a trial",
          CallLimits.REMOVE,
          docker -> {
            try {
              docker.removeContainerCmd(name).withForce(true).withRemoveVolumes(true).exec();
            } catch (NotFoundException absent) {
              // What was wanted.
            }
          });
    } catch (ContainerException e) {
      log.warn("the container {} of a trial is left behind: {}", name, e.getMessage());
    }
  }

  private void loadImage() {
    boolean present =
        connection.inspectImage("looking for the image of a trial", IMAGE, _ -> true).isPresent();
    if (!present) {
      connection.run(
          "loading the image of a trial",
          CallLimits.CREATE,
          docker -> docker.loadImageCmd(new ByteArrayInputStream(image())).exec());
    }
  }

  /** Returns an image as {@code docker load} reads it: one layer with one file. */
  static byte[] image() {
    Map<String, byte[]> files = new HashMap<>();
    files.put("gpurunner", "gpurunner starts this image to try the engine.\n".getBytes(UTF_8));
    ProbeProgram.of(architecture()).ifPresent(program -> files.put(PROGRAM.substring(1), program));
    byte[] layer = tar(files);
    String config =
        """
        {"architecture":"%s","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}
        """
            .formatted(architecture(), sha256(layer));
    String manifest =
        """
        [{"Config":"config.json","RepoTags":["%s"],"Layers":["layer.tar"]}]
        """
            .formatted(IMAGE);
    return tar(
        Map.of(
            "layer.tar",
            layer,
            "config.json",
            config.getBytes(UTF_8),
            "manifest.json",
            manifest.getBytes(UTF_8)));
  }

  /** Returns this machine's processor as images name it. */
  static String architecture() {
    String name = System.getProperty("os.arch", "").toLowerCase(Locale.ROOT);
    return switch (name) {
      case "aarch64" -> "arm64";
      case "x86_64" -> "amd64";
      default -> name;
    };
  }

  private static byte[] tar(Map<String, byte[]> files) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (TarArchiveOutputStream tar = new TarArchiveOutputStream(bytes)) {
      for (String name : files.keySet().stream().sorted().toList()) {
        byte[] content = files.getOrDefault(name, new byte[0]);
        TarArchiveEntry entry = new TarArchiveEntry(name);
        entry.setSize(content.length);
        entry.setMode(0100755);
        entry.setModTime(0); // so that the same bytes come out each time
        tar.putArchiveEntry(entry);
        tar.write(content);
        tar.closeArchiveEntry();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  private static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has it", e);
    }
  }
}
