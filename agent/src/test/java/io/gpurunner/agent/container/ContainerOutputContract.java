package io.gpurunner.agent.container;

import static io.gpurunner.agent.container.ContainerRef.unrecorded;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.ContainerOutput.Part;
import io.gpurunner.api.JobId;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The contract of every {@link ContainerOutput}, the fake included. */
public abstract class ContainerOutputContract {
  /** Returns the output under test, the same one for the whole test. */
  protected abstract ContainerOutput output();

  /** Returns a container that has printed these lines and ended. */
  protected abstract ContainerName ended(List<String> lines);

  /** Returns a container that has ended, with a file at a path without links. */
  protected abstract ContainerName withFile(String path, String content);

  private static ContainerName unknown() {
    return new ContainerName(JobId.random(), 1);
  }

  /** Returns what a reading brings until its end. */
  protected final List<OutputPiece> pieces(ContainerName name, Part part, boolean follow) {
    List<OutputPiece> pieces = new ArrayList<>();
    try (OutputReading reading = output().read(unrecorded(name), part, follow)) {
      reading.giveTo(pieces::add);
      assertThat(reading.next()).isEmpty();
    }
    return pieces;
  }

  /** Returns the text of pieces. */
  protected static List<String> texts(List<OutputPiece> pieces) {
    return pieces.stream().map(piece -> new String(piece.bytes(), UTF_8)).toList();
  }

  @Test
  void whatWasPrintedIsReadInOrder() {
    ContainerName name = ended(List.of("loss 0.5", "loss 0.1"));
    List<OutputPiece> all = pieces(name, new Part.All(), false);
    assertThat(texts(all)).containsExactly("loss 0.5\n", "loss 0.1\n");
    assertThat(all).extracting(OutputPiece::stream).containsOnly(OutputPiece.Stream.STDOUT);
    assertThat(all.getFirst().at()).isBefore(all.getLast().at());
    assertThat(texts(pieces(name, new Part.All(), true)))
        .containsExactly("loss 0.5\n", "loss 0.1\n");
  }

  @Test
  void theLastPiecesAreRead() {
    ContainerName name = ended(List.of("997", "998", "999", "1000"));
    assertThat(texts(pieces(name, new Part.Last(2), false))).containsExactly("999\n", "1000\n");
    assertThat(texts(pieces(name, new Part.Last(2), true))).containsExactly("999\n", "1000\n");
    assertThat(pieces(name, new Part.Last(10), false)).hasSize(4);
  }

  @Test
  void anAbsentContainerHasNoOutput() {
    for (boolean follow : new boolean[] {true, false}) {
      assertThatThrownBy(() -> pieces(unknown(), new Part.All(), follow))
          .isInstanceOfSatisfying(
              ContainerException.class, e -> assertThat(e.kind()).isEqualTo(Kind.ABSENT));
    }
  }

  /** Another thread can close a reading before the engine has answered anything. */
  @Test
  void aReadingThatWasClosedBringsNothing() {
    ContainerName name = ended(List.of("loss 0.5"));
    for (boolean follow : new boolean[] {true, false}) {
      OutputReading reading = output().read(unrecorded(name), new Part.All(), follow);
      assertThat(reading.hasMore()).isFalse();
      reading.close();
      assertThatThrownBy(reading::next).isInstanceOf(ContainerException.class);
    }
  }

  @Test
  void theHeadOfAFileIsReadAndNoMore() {
    ContainerName name = withFile("/tmp/train", "#!/bin/sh");
    assertThat(output().head(unrecorded(name), "/tmp/train", 2)).get().isEqualTo(bytes("#!"));
    assertThat(output().head(unrecorded(name), "/tmp/train", 256))
        .get()
        .isEqualTo(bytes("#!/bin/sh"));
    assertThat(output().head(unrecorded(name), "/tmp/other", 256)).isEmpty();
    assertThat(output().head(unrecorded(name), "/no/folder", 256)).isEmpty();
    assertThatThrownBy(() -> output().head(unrecorded(unknown()), "/tmp/train", 256))
        .isInstanceOfSatisfying(
            ContainerException.class, e -> assertThat(e.kind()).isEqualTo(Kind.ABSENT));
  }

  private static byte[] bytes(String text) {
    return text.getBytes(UTF_8);
  }
}
