package io.gpurunner.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.gpu.GpuHealth.Ends;
import io.gpurunner.gpu.GpuHealth.Hold;
import io.gpurunner.gpu.GpuHealth.Level;
import io.gpurunner.gpu.GpuHealth.Sign;
import io.gpurunner.gpu.GpuHealth.State;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GpuHealthTest {
  private static final Instant T = Instant.parse("2026-01-01T00:00:00Z");
  private static final List<Sign> NONE = List.of();
  private static final List<Sign> HOT = List.of(new Sign(Level.WATCH, "hot"));
  private static final List<Sign> BROKEN = List.of(new Sign(Level.DAMAGE, "broken"));

  private static GpuHealth in(State state) {
    GpuHealth healthy = GpuHealth.HEALTHY;
    return switch (state) {
      case HEALTHY -> healthy;
      case SUSPECT -> healthy.after(HOT, T);
      case QUARANTINED -> healthy.after(BROKEN, T);
      case RECOVERING -> healthy.after(BROKEN, T).after(NONE, T);
    };
  }

  /** Every transition: the state, what is seen so long after it began, and the next state. */
  @ParameterizedTest
  @CsvSource({
    "HEALTHY, none, 0, HEALTHY",
    "HEALTHY, hot, 0, SUSPECT",
    "HEALTHY, broken, 0, QUARANTINED",
    "SUSPECT, none, 599, SUSPECT",
    "SUSPECT, none, 600, HEALTHY",
    "SUSPECT, hot, 9000, SUSPECT",
    "SUSPECT, broken, 1, QUARANTINED",
    "QUARANTINED, broken, 90000, QUARANTINED",
    "QUARANTINED, hot, 1, RECOVERING",
    "QUARANTINED, none, 1, RECOVERING",
    "RECOVERING, none, 59, RECOVERING",
    "RECOVERING, hot, 59, RECOVERING",
    "RECOVERING, none, 60, HEALTHY",
    "RECOVERING, hot, 60, SUSPECT",
    "RECOVERING, broken, 60, QUARANTINED",
  })
  void aTransition(State from, String seen, long seconds, State to) {
    List<Sign> signs =
        switch (seen) {
          case "hot" -> HOT;
          case "broken" -> BROKEN;
          default -> NONE;
        };
    assertThat(in(from).after(signs, T.plusSeconds(seconds)).state()).isEqualTo(to);
  }

  @Test
  void onlyHealthyAndSuspectDevicesAreUsable() {
    assertThat(in(State.HEALTHY).isUsable()).isTrue();
    assertThat(in(State.SUSPECT).isUsable()).isTrue();
    assertThat(in(State.QUARANTINED).unusableReason()).contains("quarantined: broken");
    assertThat(in(State.RECOVERING).unusableReason()).contains("recovering from: broken");
  }

  @Test
  void theTimeOfAStateIsThatOfItsBeginning() {
    GpuHealth later = in(State.QUARANTINED).after(BROKEN, T.plusSeconds(60));
    assertThat(later.since()).isEqualTo(T);
    assertThat(in(State.SUSPECT).after(HOT, T.plusSeconds(60)).lastSign())
        .isEqualTo(T.plusSeconds(60));
  }

  /** What was known before a quarantine no longer counts. */
  @Test
  void trustBeginsAnewAtTheEndOfAQuarantine() {
    GpuHealth recovering = in(State.QUARANTINED).after(NONE, T.plusSeconds(5));
    assertThat(recovering.trustedAfter()).isEqualTo(T.plusSeconds(5));
    GpuHealth healthy = recovering.after(NONE, T.plusSeconds(70));
    assertThat(healthy.trustedAfter()).isEqualTo(T.plusSeconds(5));
    assertThat(healthy.after(HOT, T.plusSeconds(80)).trustedAfter()).isEqualTo(T.plusSeconds(5));
  }

  @Test
  void aHoldLastsUntilItsEnd() {
    GpuHealth held =
        GpuHealth.HEALTHY
            .held(new Hold("XID 48", T, Ends.RESET))
            .held(new Hold("XID 79", T, Ends.BOOT))
            .after(NONE, T);
    assertThat(held.reason()).contains("XID 48; XID 79");
    GpuHealth reset = held.without(Ends.RESET).after(NONE, T);
    assertThat(reset.state()).isEqualTo(State.QUARANTINED);
    assertThat(reset.reason()).contains("XID 79");
    assertThat(reset.without(Ends.BOOT).after(NONE, T).state()).isEqualTo(State.RECOVERING);
  }

  @Test
  void manyHoldsOfOneCauseAreOne() {
    GpuHealth held =
        GpuHealth.HEALTHY
            .held(new Hold("loud", T, Ends.RELEASE))
            .held(new Hold("XID 79", T, Ends.BOOT));
    for (int number = 0; number < 100; number++) {
      held = held.held(new Hold("XID 1" + number % 20, T.plusSeconds(number), Ends.RESET));
    }
    assertThat(held.holds())
        .hasSize(GpuHealth.MOST_HOLDS)
        .contains(new Hold("loud", T, Ends.RELEASE), new Hold("XID 79", T, Ends.BOOT));
    GpuHealth again = in(State.HEALTHY);
    for (int number = 0; number < 100; number++) {
      again = again.held(new Hold("XID 48", T.plusSeconds(number), Ends.RESET));
    }
    assertThat(again.holds()).containsExactly(new Hold("XID 48", T.plusSeconds(99), Ends.RESET));
  }

  @Test
  void aClockThatIsSetBackDoesNotKeepADeviceForEver() {
    GpuHealth suspect = GpuHealth.HEALTHY.after(HOT, T.plus(Duration.ofDays(9)));
    assertThat(suspect.after(NONE, T).state()).isEqualTo(State.HEALTHY);
  }
}
