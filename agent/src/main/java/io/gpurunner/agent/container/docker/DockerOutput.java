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
import java.io.EOFException;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Reads what containers of a Docker engine print. Thread-safe. */
final class DockerOutput implements ContainerOutput {
  /** The time between two flushes of a follower's stream. A flush also notices the stream's end. */
  private static final Duration FLUSH_INTERVAL = Duration.ofSeconds(1);

  private static final int BYTES_PER_MEGABYTE = 1_000_000;

  private static final FileAttribute<Set<PosixFilePermission>> OWNER_ONLY =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

  private final EngineConnection connection;
  private final FileHeads heads;
  private final long keptBytes;

  DockerOutput(EngineConnection connection) {
    this(connection, LogLimits.KEPT_BYTES);
  }

  /**
   * @param keptBytes the most of an output that is saved, as {@link LogLimits#KEPT_BYTES} says
   */
  DockerOutput(EngineConnection connection, long keptBytes) {
    this.connection = connection;
    this.heads = new FileHeads(connection);
    this.keptBytes = keptBytes;
  }

  @Override
  public void save(ContainerRef container, Path file) {
    String what = "saving the output of " + container.name() + " to " + file;
    try {
      // The names are always the same, so parts that a crash has left are overwritten.
      Path part = file.resolveSibling(file.getFileName() + ".part");
      Path end = file.resolveSibling(file.getFileName() + ".end.part");
      try {
        Files.deleteIfExists(part);
        Files.deleteIfExists(end);
        Files.createFile(part, OWNER_ONLY);
        Optional<OutputMeter> copied = copyToDisk(container.engineKey(), part, what);
        if (copied.isPresent()) {
          OptionalLong keptFrom = copied.get().keptFrom();
          if (keptFrom.isPresent()) {
            Files.createFile(end, OWNER_ONLY);
            copyEnd(part, keptFrom.getAsLong(), end);
          }
          Files.move(keptFrom.isPresent() ? end : part, file, StandardCopyOption.ATOMIC_MOVE);
        }
      } finally {
        Files.deleteIfExists(part);
        Files.deleteIfExists(end);
      }
    } catch (IOException e) {
      throw new ContainerException(Kind.FAILED, what + ": " + e, e);
    }
  }

  /** Returns the measured output. It is empty if there is no such container. */
  private Optional<OutputMeter> copyToDisk(String nameOrId, Path part, String what)
      throws IOException {
    try (FileOutputStream file = new FileOutputStream(part.toFile());
        OutputMeter meter = new OutputMeter(new BufferedOutputStream(file), keptBytes)) {
      Sink sink = new Sink(meter, LogLimits.READ_BYTES);
      boolean present =
          copy(nameOrId, what, CallLimits.SAVE_OUTPUT, sink, LogContainerCmd::withTailAll);
      sink.finish();
      file.getFD().sync();
      return present ? Optional.of(meter) : Optional.empty();
    }
  }

  /** Copies the end of a file, after a line that says that the beginning was dropped. */
  private static void copyEnd(Path from, long position, Path to) throws IOException {
    try (FileChannel source = FileChannel.open(from, StandardOpenOption.READ);
        FileOutputStream target = new FileOutputStream(to.toFile())) {
      long bytes = source.size() - position;
      target.write(
          "[gpurunner: the beginning of the output was dropped; the last %d MB are kept]\n"
              .formatted(Math.round((double) bytes / BYTES_PER_MEGABYTE))
              .getBytes(StandardCharsets.UTF_8));
      long copied = 0;
      while (copied < bytes) {
        long more = source.transferTo(position + copied, bytes - copied, target.getChannel());
        if (more == 0) {
          throw new EOFException(from + " became shorter while it was read");
        }
        copied += more;
      }
      target.getFD().sync();
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
      if (bytes == null || bytes.length == 0) {
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
