package io.gpurunner.agent.log;

import io.gpurunner.agent.container.ContainerOutput;
import io.gpurunner.agent.container.ContainerRef;
import io.gpurunner.agent.container.OutputPiece;
import io.gpurunner.agent.container.OutputReading;
import java.util.Optional;

/** The output of containers, of which each byte that is read is counted. Thread-safe. */
final class CountedOutput implements ContainerOutput {
  private final ContainerOutput output;
  private final LogTally tally;

  CountedOutput(ContainerOutput output, LogTally tally) {
    this.output = output;
    this.tally = tally;
  }

  @Override
  public OutputReading read(ContainerRef container, Part part, boolean follow) {
    return new Counted(output.read(container, part, follow));
  }

  @Override
  public Optional<byte[]> head(ContainerRef container, String path, int bytesLimit) {
    return output.head(container, path, bytesLimit);
  }

  private final class Counted implements OutputReading {
    private final OutputReading reading;

    Counted(OutputReading reading) {
      this.reading = reading;
    }

    @Override
    public Optional<OutputPiece> next() {
      Optional<OutputPiece> piece = reading.next();
      piece.ifPresent(read -> tally.received(read.bytes().length));
      return piece;
    }

    @Override
    public boolean hasMore() {
      return reading.hasMore();
    }

    @Override
    public void close() {
      reading.close();
    }
  }
}
