package io.gpurunner.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class IdleUseTest {
  private static final GpuUuid A = new GpuUuid("GPU-a");
  private static final long MIB = 1L << 20;

  private static GpuProcess process(
      GpuProcess.Kind kind, String command, Optional<String> container, boolean ignored) {
    return new GpuProcess(
        7,
        OptionalLong.of(300 * MIB),
        kind,
        Optional.of(new ProcessFacts(command, "ann", container)),
        ignored);
  }

  @ParameterizedTest
  @CsvSource({
    "GRAPHICS, Xorg, , true",
    "COMPUTE, Xorg, , false",
    "GRAPHICS, Xorg, 3f2a9c01d4e5, false",
    "GRAPHICS, python3, , false"
  })
  void aNameAloneFreesNoDevice(
      GpuProcess.Kind kind, String command, String container, boolean ignored) {
    IdleUse idle = new IdleUse(OptionalLong.empty(), List.of("Xorg"));
    assertThat(idle.ignores(process(kind, command, Optional.ofNullable(container), false)))
        .isEqualTo(ignored);
  }

  @Test
  void aProcessThatHasEndedIsNotIgnored() {
    IdleUse idle = new IdleUse(OptionalLong.empty(), List.of("Xorg"));
    assertThat(
            idle.ignores(
                new GpuProcess(
                    7, OptionalLong.empty(), GpuProcess.Kind.GRAPHICS, Optional.empty(), false)))
        .isFalse();
  }

  @ParameterizedTest
  @CsvSource({", true, 256", ", false, 1024", "5, true, 5", "5, false, 5", "0, true, 0"})
  void theLimitIsTheConfiguredOneOrFitsTheDriver(
      Long configured, boolean reserveApart, long limit) {
    IdleUse idle =
        new IdleUse(
            configured == null ? OptionalLong.empty() : OptionalLong.of(configured * MIB),
            List.of());
    assertThat(idle.judged(A, 1 << 30, 0, reserveApart, List.of()).idleLimit())
        .isEqualTo(limit * MIB);
  }

  /** A desktop's use near the limit must not change the answer from look to look. */
  @Test
  void aDeviceThatHadTooMuchIsFreeAgainWellBelowTheLimit() {
    IdleUse idle = new IdleUse(OptionalLong.of(100 * MIB), List.of());
    assertThat(judged(idle, 100)).isFalse();
    assertThat(judged(idle, 101)).isTrue();
    assertThat(judged(idle, 99)).isTrue();
    assertThat(judged(idle, 76)).isTrue();
    assertThat(judged(idle, 75)).isFalse();
    assertThat(judged(idle, 100)).isFalse();
  }

  private static boolean judged(IdleUse idle, long usedMebibytes) {
    return idle.judged(A, 1 << 30, usedMebibytes * MIB, true, List.of()).isOccupied();
  }

  @Test
  void whatAnIgnoredProcessHoldsDoesNotCount() {
    IdleUse idle = new IdleUse(OptionalLong.of(100 * MIB), List.of("Xorg"));
    List<GpuProcess> desktop =
        List.of(process(GpuProcess.Kind.GRAPHICS, "Xorg", Optional.empty(), true));
    assertThat(idle.judged(A, 1 << 30, 400 * MIB, true, desktop).isOccupied()).isFalse();
    assertThat(idle.judged(A, 1 << 30, 401 * MIB, true, desktop).isOccupied()).isTrue();
  }
}
