package io.gpurunner.agent.container.docker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.github.dockerjava.api.command.InspectContainerResponse;
import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.Observation;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The engine's answers, as it writes them. */
final class ObservedStateTest {
  private static final String STARTED = "\"StartedAt\":\"2026-01-01T00:00:00.5Z\"";
  private static final Instant START = Instant.parse("2026-01-01T00:00:00.5Z");

  /** The wall clock of the engine is so far ahead of the agent's. */
  private static final Duration AHEAD = Duration.ofHours(1);

  private static final String RUN = "c1@2026-01-01T00:00:00.500Z";

  @ParameterizedTest
  @CsvSource({"running,ACTIVE", "paused,PAUSED", "restarting,RESTARTING"})
  void aContainerWithProcesses(String status, Observation.Activity activity)
      throws JsonProcessingException {
    assertThat(observed("\"Status\":\"" + status + "\"," + STARTED))
        .isEqualTo(new Observation.Running("c1", RUN, START.minus(AHEAD), activity));
  }

  @Test
  void oneThatNeverRanWasOnlyMade() throws JsonProcessingException {
    assertThat(
            observed(
                "\"Status\":\"exited\",\"ExitCode\":127,\"StartedAt\":\"0001-01-01T00:00:00Z\""))
        .isEqualTo(new Observation.Created("c1"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"exited", "dead", "removing", "created"})
  void oneThatEnded(String status) throws JsonProcessingException {
    assertThat(
            observed(
                "\"Status\":\""
                    + status
                    + "\",\"ExitCode\":3,\"OOMKilled\":true,\"FinishedAt\":\"2026-01-01T00:00:09Z\","
                    + STARTED))
        .isEqualTo(
            new Observation.Exited(
                "c1",
                RUN,
                3,
                true,
                START.minus(AHEAD),
                Instant.parse("2026-01-01T00:00:09Z").minus(AHEAD),
                ""));
  }

  @Test
  void whatTheEngineSaysOfAnEndIsKept() throws JsonProcessingException {
    assertThat(
            observed(
                "\"Status\":\"exited\",\"ExitCode\":128,\"Error\":\"no such device\","
                    + "\"FinishedAt\":\"2026-01-01T00:00:09Z\","
                    + STARTED))
        .isInstanceOfSatisfying(
            Observation.Exited.class,
            exited -> assertThat(exited.error()).isEqualTo("no such device"));
  }

  /** A second before the start or more: the clock was set, and that is for the agent to know. */
  @ParameterizedTest
  @CsvSource({
    "2026-01-01T00:00:00.998Z,2026-01-01T00:00:01Z",
    "2026-01-01T00:00:00Z,2026-01-01T00:00:00Z"
  })
  void anEndThatIsToldToBeJustBeforeTheStart(String told, Instant finished)
      throws JsonProcessingException {
    assertThat(
            observed(
                "\"Status\":\"exited\",\"ExitCode\":0,\"StartedAt\":\"2026-01-01T00:00:01Z\",\"FinishedAt\":\""
                    + told
                    + "\""))
        .isInstanceOfSatisfying(
            Observation.Exited.class,
            exited -> assertThat(exited.finishedAt()).isEqualTo(finished.minus(AHEAD)));
  }

  @Test
  void anEndWithoutItsExitCodeIsNoSuccess() {
    assertFailed("\"Status\":\"exited\"," + STARTED, "reported no exit code");
  }

  @Test
  void aStatusThatIsNotKnownIsNoEnd() {
    assertFailed("\"Status\":\"hibernating\",\"ExitCode\":0," + STARTED, "\"hibernating\"");
    assertFailed("\"ExitCode\":0," + STARTED, "but none");
  }

  private static void assertFailed(String state, String words) {
    assertThatThrownBy(() -> observed(state))
        .isInstanceOfSatisfying(
            ContainerException.class, e -> assertThat(e.kind()).isEqualTo(Kind.FAILED))
        .hasMessageContaining("c1")
        .hasMessageContaining(words);
  }

  private static Observation observed(String state) throws JsonProcessingException {
    String answer = "{\"Id\":\"c1\",\"State\":{" + state + "}}";
    return new ObservedState(time -> time.minus(AHEAD))
        .of(new ObjectMapper().readValue(answer, InspectContainerResponse.class));
  }
}
