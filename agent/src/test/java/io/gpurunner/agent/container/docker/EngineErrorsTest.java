package io.gpurunner.agent.container.docker;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.dockerjava.api.exception.BadRequestException;
import com.github.dockerjava.api.exception.NotFoundException;
import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
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

  @Test
  void otherWordsOfTheEngineArePassedOnAsTheyAre() {
    assertThat(EngineErrors.of(HOST, "x", new NotFoundException("{\"message\":\"gone\"}")))
        .hasMessage("x: gone");
  }
}
