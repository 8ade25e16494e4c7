package io.gpurunner.agent.container;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class StopSignalTest {
  @ParameterizedTest
  @CsvSource({
    "SIGTERM, 15, SIGTERM",
    "term, 15, SIGTERM",
    "15, 15, SIGTERM",
    "SIGINT, 2, SIGINT",
    "SIGQUIT, 3, SIGQUIT",
    "SIGUSR1, 10, SIGUSR1",
    "SIGKILL, 9, SIGKILL",
    "SIGRTMIN+3, 37, SIGRTMIN+3",
    "RTMIN, 34, SIGRTMIN+0",
    "SIGRTMAX, 64, SIGRTMIN+30",
    "SIGRTMAX-1, 63, SIGRTMIN+29"
  })
  void anImageMayNameASignalInManyWays(String text, int number, String name) {
    assertThat(StopSignal.parse(text))
        .hasValueSatisfying(
            signal -> {
              assertThat(signal.number()).isEqualTo(number);
              assertThat(signal).hasToString(name);
            });
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "SIG", "SIGNONE", "0", "65", "99", "-1", "SIGRTMIN+31", "RTMAX-90"})
  void anyOtherTextIsNone(String text) {
    assertThat(StopSignal.parse(text)).isEmpty();
  }
}
