package io.gpurunner.agent.container.docker;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.container.OutputPiece;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.time.Instant;
import org.junit.jupiter.api.Test;

final class EngineFramesTest {
  private final ByteArrayOutputStream sent = new ByteArrayOutputStream();

  private EngineFramesTest frame(int stream, String content) {
    byte[] bytes = content.getBytes(UTF_8);
    sent.write(stream);
    sent.writeBytes(new byte[3]);
    for (int shift = 24; shift >= 0; shift -= 8) {
      sent.write(bytes.length >>> shift);
    }
    sent.writeBytes(bytes);
    return this;
  }

  private EngineFrames read() {
    return new EngineFrames(new ByteArrayInputStream(sent.toByteArray()));
  }

  @Test
  void aPieceHasItsStreamItsTimeAndItsBytes() throws IOException {
    EngineFrames frames =
        frame(1, "2026-01-02T03:04:05.123456789Z a b\n")
            .frame(2, "2026-01-02T03:04:05.000000001Z \n")
            .frame(1, "2026-01-02T05:04:06.5+02:00 c")
            .read();
    OutputPiece first = frames.next().orElseThrow();
    assertThat(first.stream()).isEqualTo(OutputPiece.Stream.STDOUT);
    assertThat(first.at()).isEqualTo(Instant.parse("2026-01-02T03:04:05.123456789Z"));
    assertThat(first.bytes()).isEqualTo("a b\n".getBytes(UTF_8));
    assertThat(frames.hasMore()).isTrue();
    OutputPiece second = frames.next().orElseThrow();
    assertThat(second.stream()).isEqualTo(OutputPiece.Stream.STDERR);
    assertThat(second.at()).isEqualTo(Instant.parse("2026-01-02T03:04:05.000000001Z"));
    OutputPiece third = frames.next().orElseThrow();
    assertThat(third.at()).isEqualTo(Instant.parse("2026-01-02T03:04:06.500Z"));
    assertThat(third.bytes()).isEqualTo("c".getBytes(UTF_8));
    assertThat(frames.hasMore()).isFalse();
    assertThat(frames.next()).isEmpty();
    assertThat(frames.next()).isEmpty();
  }

  @Test
  void piecesThatComeByteByByteAndLongOnesAreRead() throws IOException {
    String time = "2026-01-02T03:04:05.000000000Z ";
    String longText = "x".repeat(200_000);
    frame(1, time + "a").frame(1, time + longText).frame(1, time + "b");
    EngineFrames frames = new EngineFrames(new Trickle(sent.toByteArray()));
    assertThat(frames.next().orElseThrow().bytes()).hasSize(1);
    assertThat(frames.next().orElseThrow().bytes()).isEqualTo(longText.getBytes(UTF_8));
    assertThat(frames.next().orElseThrow().bytes()).isEqualTo("b".getBytes(UTF_8));
    assertThat(frames.next()).isEmpty();
  }

  /** Brings a byte at a time. */
  private static final class Trickle extends InputStream {
    private final InputStream bytes;

    Trickle(byte[] bytes) {
      this.bytes = new ByteArrayInputStream(bytes);
    }

    @Override
    public int read() throws IOException {
      return bytes.read();
    }

    @Override
    public int read(byte[] to, int from, int count) throws IOException {
      return bytes.read(to, from, 1);
    }
  }

  @Test
  void anErrorOfTheEngineIsOne() {
    assertThatThrownBy(frame(3, "Error grabbing logs: invalid character").read()::next)
        .isInstanceOf(IOException.class)
        .hasMessageContaining("Error grabbing logs");
  }

  @Test
  void whatIsNoSuchAnswerIsRefused() {
    assertThatThrownBy(frame(1, "no time at all in this frame, which is long").read()::next)
        .hasMessageContaining("without a time");
    sent.reset();
    assertThatThrownBy(frame(7, "2026-01-02T03:04:05.000000000Z a").read()::next)
        .hasMessageContaining("stream 7");
    sent.reset();
    sent.writeBytes("HTTP/1.1 nonsense".getBytes(UTF_8));
    assertThatThrownBy(read()::next).hasMessageContaining("cannot be read");
    sent.reset();
    sent.writeBytes(new byte[] {1, 0, 0, 0, 0x7f, 0, 0, 0});
    assertThatThrownBy(read()::next).hasMessageContaining("cannot be read");
  }

  @Test
  void anAnswerThatEndsWithinAFrameIsNotWhole() {
    frame(1, "2026-01-02T03:04:05.000000000Z abc");
    byte[] whole = sent.toByteArray();
    for (int length = 1; length < whole.length; length++) {
      EngineFrames frames = new EngineFrames(new ByteArrayInputStream(whole, 0, length));
      assertThatThrownBy(frames::next).isInstanceOf(EOFException.class);
    }
  }
}
