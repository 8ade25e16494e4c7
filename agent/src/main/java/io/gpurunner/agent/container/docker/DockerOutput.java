package io.gpurunner.agent.container.docker;

import com.github.dockerjava.api.command.LogContainerCmd;
import com.github.dockerjava.api.exception.NotFoundException;
import com.github.dockerjava.api.model.Frame;
import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerOutput;
import io.gpurunner.agent.container.ContainerRef;
import java.io.BufferedOutputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Reads what containers of a Docker engine print. Thread-safe. */
final class DockerOutput implements ContainerOutput {
  /** The time between two flushes of a follower's stream. A flush also notices the stream's end. */
  private static final Duration FLUSH_INTERVAL = Duration.ofSeconds(1);

  private static final FileAttribute<Set<PosixFilePermission>> OWNER_ONLY =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

  private final EngineConnection connection;
  private final FileHeads heads;

  DockerOutput(EngineConnection connection) {
    this.connection = connection;
    this.heads = new FileHeads(connection);
  }

  @Override
  public void save(ContainerRef container, Path file) {
    String what = "saving the output of " + container.name() + " to " + file;
    try {
      // The name is always the same, so a part that a crash has left is overwritten.
      Path part = file.resolveSibling(file.getFileName() + ".part");
      Files.deleteIfExists(part);
      Files.createFile(part, OWNER_ONLY);
      try {
        if (copyToDisk(container.engineKey(), part, what)) {
          Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
        }
      } finally {
        Files.deleteIfExists(part);
      }
    } catch (IOException e) {
      throw new ContainerException(Kind.FAILED, what + ": " + e, e);
    }
  }

  /** Returns whether there is such a container. */
  private boolean copyToDisk(String nameOrId, Path part, String what) throws IOException {
    try (FileOutputStream file = new FileOutputStream(part.toFile());
        BufferedOutputStream buffer = new BufferedOutputStream(file)) {
      Sink sink = new Sink(buffer, LogLimits.SAVED_BYTES);
      boolean present =
          copy(nameOrId, what, CallLimits.SAVE_OUTPUT, sink, LogContainerCmd::withTailAll);
      sink.finish();
      file.getFD().sync();
      return present;
    }
  }

  @Override
  public void copy(ContainerName name, int tailLines, boolean follow, OutputStream to) {
    String what = "reading the output of " + name;
    Sink sink = new Sink(to, Long.MAX_VALUE);
    boolean present =
        copy(
            name.toString(),
            what,
            follow ? CallLimits.FOLLOW : CallLimits.SAVE_OUTPUT,
            sink,
            command -> command.withTail(tailLines).withFollowStream(follow));
    if (!present) {
      throw new ContainerException(Kind.ABSENT, what + ": there is no such container");
    }
  }

  @Override
  public Optional<byte[]> head(ContainerRef container, String path, int bytesLimit) {
    return heads.read(container, path, bytesLimit);
  }

  private boolean copy(
      String nameOrId,
      String what,
      Duration limit,
      Sink sink,
      UnaryOperator<LogContainerCmd> options) {
    try (EngineCall call = connection.open(limit)) {
      options
          .apply(call.docker().logContainerCmd(nameOrId).withStdOut(true).withStdErr(true))
          .exec(sink);
      while (!sink.awaitEnd(FLUSH_INTERVAL) && sink.flush()) {
        // Each round passes on what came. The call's time limit ends the wait.
      }
      sink.flush();
      if (sink.isBroken() || sink.failure().isEmpty()) {
        return true;
      }
      if (sink.failure().get() instanceof NotFoundException) {
        return false;
      }
      throw connection.failure(what, call, sink.failure().get());
    }
  }

  /**
   * Writes the pieces of standard output and error in the order they come, until the target fails.
   */
  static final class Sink extends StreamCallback<Frame> {
    private static final byte[] CUT =
        "\n[gpurunner: the rest of the output was cut off]\n".getBytes(StandardCharsets.UTF_8);

    private final OutputStream to;
    private final Object writing = new Object();
    private long bytesLeft;
    private @Nullable IOException broken;

    Sink(OutputStream to, long bytesLimit) {
      this.to = to;
      this.bytesLeft = bytesLimit;
    }

    @Override
    public void onNext(Frame frame) {
      byte @Nullable [] bytes = frame.getPayload();
      if (bytes == null) {
        return;
      }
      synchronized (writing) {
        if (broken != null || bytesLeft <= 0) {
          return;
        }
        try {
          to.write(bytes, 0, (int) Math.min(bytes.length, bytesLeft));
          bytesLeft -= bytes.length;
          if (bytesLeft <= 0) {
            to.write(CUT);
          }
        } catch (IOException e) {
          broken = e;
        }
      }
    }

    /** Returns whether the target still takes output. */
    boolean flush() {
      synchronized (writing) {
        if (broken == null) {
          try {
            to.flush();
          } catch (IOException e) {
            broken = e;
          }
        }
        return broken == null;
      }
    }

    boolean isBroken() {
      synchronized (writing) {
        return broken != null;
      }
    }

    /**
     * Flushes the target. Fails if the target has failed before, because a part is then missing.
     */
    void finish() throws IOException {
      synchronized (writing) {
        if (broken != null) {
          throw broken;
        }
        to.flush();
      }
    }
  }
}
