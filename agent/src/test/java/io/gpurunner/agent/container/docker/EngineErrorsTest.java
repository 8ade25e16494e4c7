package io.gpurunner.agent.container.docker;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonParseException;
import com.github.dockerjava.api.exception.BadRequestException;
import com.github.dockerjava.api.exception.InternalServerErrorException;
import com.github.dockerjava.api.exception.NotFoundException;
import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import java.io.UncheckedIOException;
import java.net.URI;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests the kind and the words of the engine's errors. */
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

  /** The kind is not UNREACHABLE, because calls to an engine that is away are repeated for ever. */
  @Test
  void anAnswerThatCannotBeReadIsAFailure() {
    RuntimeException unreadable =
        new UncheckedIOException(new JsonParseException(null, "Unexpected end-of-input"));

    assertThat(EngineErrors.of(HOST, "x", unreadable))
        .hasMessageContaining("Unexpected end-of-input")
        .extracting(ContainerException::kind)
        .isEqualTo(Kind.FAILED);
  }

  /**
   * A job does not fail because the machine lacks something. It fails if its container cannot run.
   */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "failed to create endpoint x on network bridge: adding interface failed | MACHINE_UNFIT",
        "mkdir /var/lib/docker/overlay2/x: no space left on device | MACHINE_UNFIT",
        "OCI runtime create failed: write x: no space left on device | MACHINE_UNFIT",
        "could not select device driver | GPUS_UNFIT",
        "unable to find user bob: no matching entries in passwd file | REFUSED",
        "these words nobody knows | FAILED"
      })
  void theWordsOfTheEngineTellWhoseFaultItIs(String words, Kind kind) {
    assertThat(
            EngineErrors.of(
                HOST, "x", new InternalServerErrorException("{\"message\":\"" + words + "\"}")))
        .extracting(ContainerException::kind)
        .isEqualTo(kind);
  }

  /** A status alone is no proof against the job. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "Duplicate mount point: /data | REFUSED",
        "invalid reference format | REFUSED",
        "OCI runtime create failed: write x: no space left on device | MACHINE_UNFIT",
        "these words nobody knows | FAILED"
      })
  void aRequestThatTheEngineDoesNotAcceptIsJudgedByItsWordsToo(String words, Kind kind) {
    assertThat(
            EngineErrors.of(HOST, "x", new BadRequestException("{\"message\":\"" + words + "\"}")))
        .extracting(ContainerException::kind)
        .isEqualTo(kind);
  }

  /** A start is answered with 404 too if what the container needs is not there. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "network bridge not found | MACHINE_UNFIT",
        "No such container: gpurunner-x-1 | ABSENT",
        "gone | ABSENT"
      })
  void whatIsNotThereIsTheContainerOrTheMachinesNetwork(String words, Kind kind) {
    assertThat(EngineErrors.of(HOST, "x", new NotFoundException("{\"message\":\"" + words + "\"}")))
        .extracting(ContainerException::kind)
        .isEqualTo(kind);
  }

  @Test
  void otherWordsOfTheEngineArePassedOnAsTheyAre() {
    assertThat(EngineErrors.of(HOST, "x", new NotFoundException("{\"message\":\"gone\"}")))
        .hasMessage("x: gone");
  }
}
