package io.gpurunner.agent.container.docker;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.ContainerOutput;
import io.gpurunner.agent.container.ContainerRef;
import io.gpurunner.agent.container.OutputPiece;
import io.gpurunner.agent.container.OutputReading;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Reads what containers of a Docker engine print. Thread-safe. */
final class DockerOutput implements ContainerOutput {
  private final EngineConnection connection;
  private final Duration followHead;
  private final FileHeads heads;

  DockerOutput(EngineConnection connection) {
    this(connection, CallLimits.FOLLOW_HEAD);
  }

  /**
   * @param followHead how long the beginning of an answer that follows an output may take
   */
  DockerOutput(EngineConnection connection, Duration followHead) {
    this.connection = connection;
    this.followHead = followHead;
    this.heads = new FileHeads(connection);
  }

  @Override
  public OutputReading read(ContainerRef container, Part part, boolean follow) {
    return new Reading(container, part, follow);
  }

  private static String path(ContainerRef container, Part part, boolean follow) {
    String range =
        switch (part) {
          case Part.All() -> "";
          case Part.Last(int pieces) -> "&tail=" + pieces;
        };
    return "/containers/%s/logs?stdout=1&stderr=1&timestamps=1&follow=%d%s"
        .formatted(container.engineKey(), follow ? 1 : 0, range);
  }

  @Override
  public Optional<byte[]> head(ContainerRef container, String path, int bytesLimit) {
    return heads.read(container, path, bytesLimit);
  }

  /** A reading that asks without the library, which loses the bounds of pieces. */
  private final class Reading implements OutputReading {
    private final String what;
    private final String path;
    private final boolean follow;
    private final EngineCall call;
    private @Nullable EngineFrames frames;

    Reading(ContainerRef container, Part part, boolean follow) {
      this.what = "reading the output of " + container.name();
      this.path = path(container, part, follow);
      this.follow = follow;
      this.call = connection.open(follow ? followHead : limit(part));
    }

    @Override
    public Optional<OutputPiece> next() {
      try {
        if (frames == null) {
          frames = begun();
        }
        return frames.next();
      } catch (ContainerException e) {
        throw e;
      } catch (IOException | RuntimeException e) {
        throw connection.failure(what, call, e);
      }
    }

    private static Duration limit(Part part) {
      return switch (part) {
        case Part.All() -> CallLimits.READ_OUTPUT;
        case Part.Last _ -> CallLimits.QUICK;
      };
    }

    private EngineFrames begun() {
      InputStream answer =
          call.stream(path)
              .orElseThrow(
                  () -> new ContainerException(Kind.ABSENT, what + ": there is no such container"));
      if (follow) {
        call.extendTo(CallLimits.FOLLOW);
      }
      return new EngineFrames(answer);
    }

    @Override
    public boolean hasMore() {
      return frames != null && frames.hasMore();
    }

    @Override
    public void close() {
      call.close();
    }
  }
}
