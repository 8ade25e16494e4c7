package io.gpurunner.agent.container.docker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.github.dockerjava.api.model.Frame;
import com.github.dockerjava.api.model.StreamType;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests the stream to a saved file, whose disk may be full for a moment. */
final class OutputSinkTest {
  private static final int BYTES = 100_000;

  /** One piece is smaller than the buffer, and the other is larger. */
  @ParameterizedTest
  @ValueSource(ints = {1_000, 20_000})
  void whatADiskDidNotTakeIsAnErrorAlsoWhereItTakesMoreAgain(int piece) {
    Disk disk = new Disk();
    DockerOutput.Sink sink = sinkTo(disk);
    fill(sink, piece, BYTES / 2);
    disk.full = true;
    fill(sink, piece, BYTES / 2);
    assertThat(sink.flush()).isFalse();
    disk.full = false;
    assertThatThrownBy(sink::finish).isSameAs(disk.failure);
  }

  @ParameterizedTest
  @ValueSource(ints = {1_000, 20_000})
  void whatADiskTookIsThere(int piece) throws IOException {
    Disk disk = new Disk();
    DockerOutput.Sink sink = sinkTo(disk);
    fill(sink, piece, BYTES);
    sink.finish();
    assertThat(disk.taken.size()).isEqualTo(BYTES);
  }

  private static DockerOutput.Sink sinkTo(Disk disk) {
    return new DockerOutput.Sink(new BufferedOutputStream(disk), Long.MAX_VALUE);
  }

  private static void fill(DockerOutput.Sink sink, int piece, int bytes) {
    for (int sent = 0; sent < bytes; sent += piece) {
      sink.onNext(new Frame(StreamType.STDOUT, new byte[Math.min(piece, bytes - sent)]));
    }
  }

  /** A file on a disk that may be full. */
  private static final class Disk extends OutputStream {
    private final ByteArrayOutputStream taken = new ByteArrayOutputStream();
    private final IOException failure = new IOException("No space left on device");
    private boolean full;

    @Override
    public void write(int b) throws IOException {
      write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
      if (full) {
        throw failure;
      }
      taken.write(bytes, offset, length);
    }
  }
}
