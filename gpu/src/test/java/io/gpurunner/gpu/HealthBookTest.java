package io.gpurunner.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.gpurunner.gpu.GpuDetails.ReportedXid;
import io.gpurunner.gpu.GpuDevice.Presence;
import io.gpurunner.gpu.GpuHealth.State;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class HealthBookTest {
  private static final GpuUuid A = new GpuUuid("GPU-a");
  private static final GpuDevice SOUND = GpuDevice.free(A, 0, "NVIDIA A100", 1);

  /** A store in memory. */
  private static final class Memory implements HealthBook.Store {
    HealthBook.Saved saved = HealthBook.Saved.NOTHING;
    int saves;
    boolean full;

    @Override
    public HealthBook.Saved load() {
      return saved;
    }

    @Override
    public void save(HealthBook.Saved next) {
      if (full) {
        throw new UncheckedIOException(new IOException("No space left on device"));
      }
      saved = next;
      saves++;
    }
  }

  private final MovableClock clock = new MovableClock();
  private final Memory store = new Memory();
  private HealthBook book = new HealthBook(store, "boot-1", clock);

  private GpuHealth look(GpuDevice device) {
    return look(device, Set.of());
  }

  private GpuHealth look(GpuDevice device, Set<GpuUuid> cameBack) {
    clock.advance(Duration.ofSeconds(1));
    return book.judge(List.of(device), cameBack, clock.instant()).getFirst().health();
  }

  private GpuDevice with(GpuFact fact, long value) {
    return SOUND.withDetails(new GpuDetails(Optional.empty(), Map.of(fact, value), List.of()));
  }

  private GpuDevice reporting(long... numbers) {
    Instant now = clock.instant();
    List<ReportedXid> xids =
        Arrays.stream(numbers).mapToObj(number -> new ReportedXid(now, number)).toList();
    return SOUND.withDetails(new GpuDetails(Optional.empty(), Map.of(), xids));
  }

  /** Every row of the table does what it says. */
  @ParameterizedTest
  @EnumSource(Xid.class)
  void anErrorDoesWhatItsRowSays(Xid xid) {
    GpuHealth health = look(reporting(xid.number()));
    assertThat(health.state())
        .isEqualTo(
            switch (xid.action()) {
              case APPLICATION -> State.HEALTHY;
              case WATCH -> State.SUSPECT;
              case RESET, REBOOT -> State.QUARANTINED;
            });
    if (xid.action() != Xid.Action.APPLICATION) {
      assertThat(health.reason().orElseThrow())
          .contains("XID " + xid.number() + " (" + xid.meaning() + "); " + xid.remedy());
    }
  }

  @Test
  void anErrorOfAnUnknownNumberIsWatched() {
    assertThat(look(reporting(9999)).reason().orElseThrow())
        .isEqualTo("XID 9999, which is not in the agent's table (docs/xids.md)");
  }

  @Test
  void anErrorCountsOnceHoweverOftenItIsShown() {
    GpuDevice device = reporting(48);
    look(device);
    book.release(A, "ann", "it is sound");
    assertThat(look(device).state()).isEqualTo(State.RECOVERING);
    for (int second = 0; second < 61; second++) {
      look(device);
    }
    assertThat(look(device).state()).isEqualTo(State.HEALTHY);
  }

  @ParameterizedTest
  @CsvSource({
    "RECOVERY_ACTION, 0, HEALTHY",
    "RECOVERY_ACTION, 1, QUARANTINED",
    "RECOVERY_ACTION, 2, QUARANTINED",
    "RECOVERY_ACTION, 3, QUARANTINED",
    "RECOVERY_ACTION, 4, QUARANTINED",
    "RECOVERY_ACTION, 5, SUSPECT",
    "RECOVERY_ACTION, 77, QUARANTINED",
    "ECC_UNCORRECTED, 0, HEALTHY",
    "ECC_UNCORRECTED, 1, QUARANTINED",
    "ROW_REMAP_FAILED, 1, QUARANTINED",
    "ROW_REMAP_PENDING, 1, SUSPECT",
    "RETIRED_PAGES_PENDING, 1, SUSPECT",
    "CLOCK_REASONS, 0, HEALTHY",
    "CLOCK_REASONS, 1, HEALTHY",
    "CLOCK_REASONS, 4, HEALTHY",
    "CLOCK_REASONS, 8, SUSPECT",
    "CLOCK_REASONS, 32, SUSPECT",
    "CLOCK_REASONS, 64, SUSPECT",
    "CLOCK_REASONS, 128, SUSPECT"
  })
  void aSignOfALook(GpuFact fact, long value, State state) {
    assertThat(look(with(fact, value)).state()).isEqualTo(state);
    assertThat(look(SOUND).state())
        .isEqualTo(state == State.QUARANTINED ? State.RECOVERING : state);
  }

  /** A newer driver says itself whether an error that was contained does harm. */
  @Test
  void memoryErrorsThatTheDriverCallsHarmlessAreOnlyWatched() {
    GpuDevice device =
        SOUND.withDetails(
            new GpuDetails(
                Optional.empty(),
                Map.of(GpuFact.ECC_UNCORRECTED, 3L, GpuFact.RECOVERY_ACTION, 0L),
                List.of()));
    assertThat(look(device).reason()).contains("3 memory errors could not be corrected");
    assertThat(look(device).state()).isEqualTo(State.SUSPECT);
  }

  @Test
  void aDeviceThatWasAwayCountsAsReset() {
    look(reporting(48));
    assertThat(look(SOUND.withFault(Presence.LOST, "gone")).state()).isEqualTo(State.QUARANTINED);
    assertThat(look(SOUND).state()).as("nobody has reset it").isEqualTo(State.QUARANTINED);
    assertThat(look(SOUND, Set.of(A)).state()).isEqualTo(State.RECOVERING);
  }

  @Test
  void aResetDoesNotHealWhatNeedsABoot() {
    look(reporting(79));
    book.driverWasAway();
    book.wasGivenBack(A);
    assertThat(look(SOUND, Set.of(A)).state()).isEqualTo(State.QUARANTINED);
  }

  @Test
  void aDriverThatWasLoadedAgainCountsAsReset() {
    look(reporting(119));
    book.driverWasAway();
    assertThat(look(SOUND).state()).isEqualTo(State.RECOVERING);
  }

  @Test
  void theDriversOwnWordEndsAHoldAfterAMinute() {
    look(reporting(48));
    GpuDevice called = with(GpuFact.RECOVERY_ACTION, 0);
    assertThat(look(called).state()).isEqualTo(State.QUARANTINED);
    clock.advance(HealthBook.CALLED_SOUND_AFTER);
    assertThat(look(with(GpuFact.RECOVERY_ACTION, 1)).state()).isEqualTo(State.QUARANTINED);
    assertThat(look(called).state()).as("it has just begun to say so").isEqualTo(State.QUARANTINED);
    clock.advance(HealthBook.CALLED_SOUND_AFTER);
    assertThat(look(called).state()).isEqualTo(State.RECOVERING);
  }

  @ParameterizedTest
  @CsvSource({"boot-1, QUARANTINED", "boot-2, RECOVERING"})
  void aQuarantineOutlivesTheProcessButNotTheBoot(String boot, State state) {
    look(reporting(48, 79));
    book = new HealthBook(store, boot, clock);
    assertThat(look(SOUND).state()).isEqualTo(state);
  }

  @Test
  void anAdministratorsQuarantineOutlivesTheBoot() {
    book.quarantine(A, "ann", "its fan is loud");
    assertThat(book.current(SOUND).health().reason()).contains("its fan is loud (set by ann)");
    book = new HealthBook(store, "boot-2", clock);
    assertThat(look(SOUND).state()).isEqualTo(State.QUARANTINED);
    assertThat(book.release(A, "ann", "the fan is new")).isTrue();
    assertThat(book.release(A, "ann", "again")).isFalse();
    assertThat(look(SOUND).state()).isEqualTo(State.RECOVERING);
    book = new HealthBook(store, "boot-2", clock);
    assertThat(look(SOUND).state()).isEqualTo(State.RECOVERING);
  }

  /** A release ends what was remembered. What a look shows counts all the same. */
  @Test
  void aReleaseDoesNotHideWhatIsSeen() {
    GpuDevice broken = with(GpuFact.ROW_REMAP_FAILED, 1);
    look(broken);
    book.release(A, "ann", "I say so");
    assertThat(look(broken).state()).isEqualTo(State.QUARANTINED);
  }

  @Test
  void onlyNewsIsSaved() {
    for (int look = 0; look < 20; look++) {
      look(SOUND);
    }
    assertThat(store.saves).isZero();
    for (int look = 0; look < 20; look++) {
      look(with(GpuFact.CLOCK_REASONS, 64));
    }
    assertThat(store.saves).isEqualTo(1);
  }

  @Test
  void aFullDiskDelaysOnlyTheSaving() {
    store.full = true;
    assertThat(look(reporting(48)).state()).isEqualTo(State.QUARANTINED);
    assertThat(store.saved.devices()).isEmpty();
    store.full = false;
    look(SOUND);
    assertThat(store.saved.devices().values())
        .extracting(GpuHealth::state)
        .containsExactly(State.QUARANTINED);
  }

  /**
   * The administrator gets an error that names the full disk, and the GPU is quarantined
   * nevertheless.
   */
  @Test
  void aFullDiskIsToldToAnAdministrator() {
    store.full = true;
    assertThatExceptionOfType(UncheckedIOException.class)
        .isThrownBy(() -> book.quarantine(A, "ann", "loud"))
        .withMessageContaining("No space left on device");
    assertThat(look(SOUND).state()).isEqualTo(State.QUARANTINED);
  }

  @Test
  void aDeviceThatCannotBeReadKeepsItsHealth() {
    look(with(GpuFact.CLOCK_REASONS, 64));
    clock.advance(Duration.ofHours(1));
    assertThat(look(SOUND.withFault(Presence.UNREADABLE, "it hangs")).state())
        .isEqualTo(State.SUSPECT);
  }
}
