package io.gpurunner.agent.container.docker;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonParseException;
import com.github.dockerjava.api.exception.BadRequestException;
import com.github.dockerjava.api.exception.NotFoundException;
import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import java.io.UncheckedIOException;
import java.net.URI;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What users read of the engine's errors. */
final class EngineErrorsTest {
  private static final URI HOST = URI.create("unix:///docker.sock");

  @ParameterizedTest
  @ValueSource(strings = {"No command specified", "no command specified"})
  void anImageWithoutACommandIsToldWithTheWayOut(String words) {
    ContainerException error =
        EngineErrors.of(
            HOST, "making x", new BadRequestException("{\"message\":\"" + words + "\"}"));

    assertThat(error.kind()).isEqualTo(Kind.REFUSED);
    assertThat(error)
        .hasMessage(
            "making x: " + words + "; give runCommand, or an image with an ENTRYPOINT or CMD");
  }

  /** No engine that is away: it would be asked for ever. */
  @Test
  void anAnswerThatCannotBeReadIsAFailure() {
    RuntimeException unreadable =
        new UncheckedIOException(new JsonParseException(null, "Unexpected end-of-input"));

    assertThat(EngineErrors.of(HOST, "x", unreadable))
        .hasMessageContaining("Unexpected end-of-input")
        .extracting(ContainerException::kind)
        .isEqualTo(Kind.FAILED);
  }

  @Test
  void otherWordsOfTheEngineArePassedOnAsTheyAre() {
    assertThat(EngineErrors.of(HOST, "x", new NotFoundException("{\"message\":\"gone\"}")))
        .hasMessage("x: gone");
  }
}
