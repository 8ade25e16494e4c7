package io.gpurunner.agent.container.docker;

import com.github.dockerjava.api.exception.DockerException;
import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.ContainerOutput;
import io.gpurunner.agent.container.ContainerRef;
import io.gpurunner.agent.container.OutputPiece;
import io.gpurunner.agent.container.OutputReading;
import java.io.IOException;
import java.util.Optional;

/** Reads what containers of a Docker engine print. Thread-safe. */
final class DockerOutput implements ContainerOutput {
  private final EngineConnection connection;
  private final FileHeads heads;

  DockerOutput(EngineConnection connection) {
    this.connection = connection;
    this.heads = new FileHeads(connection);
  }

  /** Asks without the library, which loses the bounds of pieces. */
  @Override
  public OutputReading read(ContainerRef container, Part part, boolean follow) {
    String what = "reading the output of " + container.name();
    EngineCall call = connection.open(follow ? CallLimits.FOLLOW : CallLimits.READ_OUTPUT);
    try {
      return new Reading(what, call, new EngineFrames(call.stream(path(container, part, follow))));
    } catch (RuntimeException e) {
      call.close();
      throw e instanceof DockerException answer && answer.getHttpStatus() == 404
          ? new ContainerException(Kind.ABSENT, what + ": there is no such container", e)
          : connection.failure(what, call, e);
    }
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

  private final class Reading implements OutputReading {
    private final String what;
    private final EngineCall call;
    private final EngineFrames frames;

    Reading(String what, EngineCall call, EngineFrames frames) {
      this.what = what;
      this.call = call;
      this.frames = frames;
    }

    @Override
    public Optional<OutputPiece> next() {
      try {
        return frames.next();
      } catch (IOException | RuntimeException e) {
        throw connection.failure(what, call, e);
      }
    }

    @Override
    public boolean hasMore() {
      return frames.hasMore();
    }

    @Override
    public void close() {
      call.close();
    }
  }
}
