package io.gpurunner.agent.container.docker;

import io.gpurunner.agent.container.ContainerException.Kind;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * A text by which an error of the engine is known, and whose fault it is then.
 * docs/engine-messages.md shows all of them, and says what is wrong.
 *
 * @param text a part of the message, in lower case
 */
record EngineMessage(String text, Side side) {
  /** What has to be mended after a failed start. */
  enum Side {
    /** This container cannot run here. Every other one may. */
    JOB(Kind.REFUSED),
    /** No container can be started here until the machine is repaired. */
    MACHINE(Kind.MACHINE_UNFIT),
    /** No container with GPUs can be started here until the machine is repaired. */
    GPUS(Kind.GPUS_UNFIT);

    private final Kind kind;

    Side(Kind kind) {
      this.kind = kind;
    }

    Kind kind() {
      return kind;
    }
  }

  /**
   * All texts. The first that is in a message decides. So a text that says more stands before one
   * that can be a part of many messages.
   */
  static final List<EngineMessage> ALL =
      List.of(
          // What an image or a request asks of the GPUs' tools.
          job("nvidia-container-cli: requirement error"),
          job("nvidia-container-cli: mount error: file creation failed"),
          // What only this container's image or request can cause.
          job("unable to find user"),
          job("unable to find group"),
          job("no matching entries in passwd file"),
          job("no matching entries in group file"),
          job("no command specified"),
          job("duplicate mount point"),
          job("invalid reference format"),
          job("argument list too long"),
          job("chdir to cwd"),
          job("path escapes from parent"),
          job("too many levels of symbolic links"),
          job("exec format error"),
          job("file name too long"),
          // The GPUs' tools, and the devices.
          gpus("nvidia-container-cli"),
          gpus("nvidia-container-runtime"),
          gpus("nvidia-ctk"),
          gpus("nvidia-cdi-hook"),
          gpus("could not select device driver"),
          gpus("unresolvable cdi devices"),
          gpus("cdi device injection failed"),
          gpus("unknown runtime specified nvidia"),
          gpus("unknown or invalid runtime name: nvidia"),
          gpus("error gathering device information"),
          // The disk of the engine, and the file systems of the job's directories.
          machine("no space left on device"),
          machine("disk quota exceeded"),
          machine("input/output error"),
          machine("structure needs cleaning"),
          machine("stale file handle"),
          machine("stale nfs file handle"),
          machine("transport endpoint is not connected"),
          machine("bind source path does not exist"),
          machine("error while creating mount source path"),
          // The source of a mount is gone. A job's author names none.
          gpus("to rootfs at \"\": stat /"),
          gpus("to rootfs at \"\" caused: stat /"),
          // The image store.
          machine("error creating overlay mount"),
          machine("failed to mount overlay"),
          machine("layer does not exist"),
          machine("failed to get layer"),
          machine("failed to retrieve layer"),
          machine("failed to create rwlayer"),
          machine("failed to prepare extraction snapshot"),
          machine("failed to get snapshot"),
          // Networks.
          machine("failed to create endpoint"),
          machine("failed to set up container networking"),
          machine("no available ipv4 addresses"),
          machine("network bridge not found"),
          machine("could not find bridge"),
          machine("could not find network"),
          machine("failed programming external connectivity"),
          machine("failed to add the host"),
          machine("failed to add interface"),
          machine("adding interface"),
          machine("iptables failed"),
          // The runtime, its shim, its hooks, and what starts them.
          machine("unable to retrieve oci runtime error"),
          machine("unknown or invalid runtime name"),
          machine("unknown runtime specified"),
          machine("context deadline exceeded"),
          machine("failed to start shim"),
          machine("containerd-shim"),
          machine("containerd.sock"),
          machine("transport is closing"),
          machine("ttrpc: closed"),
          machine("connection error: desc ="),
          machine("error setting rlimit"),
          machine("error running hook"),
          machine("error running prestart hook"),
          machine("error running createruntime hook"),
          machine("error running createcontainer hook"),
          machine("error running startcontainer hook"),
          machine("executable file not found"),
          machine("fork/exec"),
          // What the kernel has no more of, or lacks.
          machine("too many open files"),
          machine("cannot allocate memory"),
          machine("resource temporarily unavailable"),
          machine("session key"),
          machine("unable to apply cgroup configuration"),
          machine("error setting cgroup config"),
          machine("cgroup.procs"),
          machine("unable to start unit"),
          machine("failed to connect to dbus"),
          machine("unable to apply apparmor profile"),
          machine("apparmor failed to apply profile"),
          machine("error loading seccomp filter"),
          // A mount into the image's files, and no cause above: these files are in the way.
          job("to rootfs at"),
          machine("read-only file system"),
          machine("overlay2/"),
          machine("no such device"));

  private static EngineMessage job(String text) {
    return new EngineMessage(text, Side.JOB);
  }

  private static EngineMessage machine(String text) {
    return new EngineMessage(text, Side.MACHINE);
  }

  private static EngineMessage gpus(String text) {
    return new EngineMessage(text, Side.GPUS);
  }

  /** What a message quotes: names, paths and values that the job's author may have chosen. */
  private static final Pattern QUOTED = Pattern.compile("\"(?:[^\"\\\\]|\\\\.)*\"|'/[^']*'");

  /**
   * Returns the text that decides about a message of the engine. It is empty if none is known. What
   * the message quotes does not count.
   */
  static Optional<EngineMessage> in(String words) {
    String lower = QUOTED.matcher(words).replaceAll("\"\"").toLowerCase(Locale.ROOT);
    return ALL.stream().filter(message -> lower.contains(message.text)).findFirst();
  }
}
