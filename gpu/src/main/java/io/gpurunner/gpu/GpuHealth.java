package io.gpurunner.gpu;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * What a device's errors say of it. Immutable; the transitions are pure.
 *
 * <pre>
 *            a sign to watch            no sign for 10 min
 * HEALTHY ------------------> SUSPECT ---------------------> HEALTHY
 *    |                           |
 *    +---- a sign of damage -----+----> QUARANTINED ----> RECOVERING ----> HEALTHY or SUSPECT
 *                                           ^   the cause is  |   no sign of damage
 *                                           |   gone          |   for 1 min
 *                                           +-----------------+
 * </pre>
 *
 * <p>Only a device in {@code HEALTHY} or {@code SUSPECT} is handed out. After a quarantine it must
 * be seen in a container again.
 *
 * @param reason what the signs say; empty if healthy
 * @param since when it came into this state
 * @param lastSign when a sign was last seen
 * @param holds what keeps it in quarantine until something is done about it
 * @param trustedAfter what was known of the device before this time no longer counts: the end of
 *     its last quarantine
 */
public record GpuHealth(
    State state,
    Optional<String> reason,
    Instant since,
    Instant lastSign,
    List<Hold> holds,
    Instant trustedAfter) {

  /** The states. */
  public enum State {
    /** Nothing is known against it. */
    HEALTHY,
    /** Something was seen that needs no action. It is handed out. */
    SUSPECT,
    /** It is not handed out until its cause is gone. */
    QUARANTINED,
    /** The cause of a quarantine is gone. It is not handed out yet. */
    RECOVERING
  }

  /** How long a device stays suspect after the last sign. */
  static final Duration SUSPECT_FOR = Duration.ofMinutes(10);

  /** How long a device recovers. */
  static final Duration RECOVERS_FOR = Duration.ofMinutes(1);

  /** The largest number of holds of a device. A newer one of the same words replaces an older. */
  static final int MOST_HOLDS = 16;

  /** A device of which nothing is known. */
  public static final GpuHealth HEALTHY =
      new GpuHealth(
          State.HEALTHY, Optional.empty(), Instant.EPOCH, Instant.EPOCH, List.of(), Instant.EPOCH);

  /**
   * A cause of quarantine that does not show again by itself, so it is remembered.
   *
   * @param why in words, with the remedy
   * @param at when it was seen
   * @param ends what ends it
   */
  public record Hold(String why, Instant at, Ends ends) {}

  /** What ends a hold, apart from an administrator. */
  public enum Ends {
    /** The device was reset, or the machine booted. */
    RESET,
    /** The machine booted. */
    BOOT,
    /** An administrator set it, and ends it. */
    RELEASE
  }

  /**
   * A sign that shows in a look.
   *
   * @param level what it says of the device
   */
  public record Sign(Level level, String words) {}

  /** What a sign says of a device. */
  public enum Level {
    /** It needs no action, and is shown. */
    WATCH,
    /** The device must not be used. */
    DAMAGE
  }

  public GpuHealth {
    holds = List.copyOf(holds);
  }

  /** Returns whether the device may be handed out. */
  public boolean isUsable() {
    return state == State.HEALTHY || state == State.SUSPECT;
  }

  /** Returns why the device must not be handed out. It is empty if it may be. */
  public Optional<String> unusableReason() {
    return isUsable()
        ? Optional.empty()
        : Optional.of(
            (state == State.QUARANTINED ? "quarantined: " : "recovering from: ")
                + reason.orElse("unknown")
                + (reason.orElse("").contains("--gpu-reset") ? HealthSigns.LET_GO : ""));
  }

  /** Returns the health after a look. */
  public GpuHealth after(List<Sign> signs, Instant now) {
    List<String> damages = new ArrayList<>(holds.stream().map(Hold::why).toList());
    signs.stream()
        .filter(sign -> sign.level() == Level.DAMAGE)
        .map(Sign::words)
        .filter(words -> !damages.contains(words))
        .forEach(damages::add);
    if (!damages.isEmpty()) {
      return in(State.QUARANTINED, Optional.of(String.join("; ", damages)), now, now);
    }
    String watched = signs.stream().map(Sign::words).distinct().collect(Collectors.joining("; "));
    Instant sign = watched.isEmpty() ? lastSign : now;
    return switch (state) {
      case QUARANTINED -> in(State.RECOVERING, reason, now, sign);
      case RECOVERING -> {
        if (Duration.between(since, now).abs().compareTo(RECOVERS_FOR) < 0) {
          yield in(State.RECOVERING, reason, now, sign);
        }
        yield watched.isEmpty()
            ? in(State.HEALTHY, Optional.empty(), now, sign)
            : in(State.SUSPECT, Optional.of(watched), now, sign);
      }
      case HEALTHY, SUSPECT -> {
        if (!watched.isEmpty()) {
          yield in(State.SUSPECT, Optional.of(watched), now, sign);
        }
        boolean isOver =
            state == State.HEALTHY
                || Duration.between(lastSign, now).abs().compareTo(SUSPECT_FOR) >= 0;
        yield isOver ? in(State.HEALTHY, Optional.empty(), now, sign) : this;
      }
    };
  }

  private GpuHealth in(State next, Optional<String> why, Instant now, Instant sign) {
    return new GpuHealth(
        next,
        why,
        next == state ? since : now,
        sign,
        holds,
        state == State.QUARANTINED && next == State.RECOVERING ? now : trustedAfter);
  }

  /** Returns the health with one more hold. The next look puts the device in quarantine. */
  GpuHealth held(Hold hold) {
    List<Hold> all = new ArrayList<>(holds);
    all.removeIf(before -> before.why().equals(hold.why()));
    all.add(hold);
    while (all.size() > MOST_HOLDS) {
      // The oldest of those that end first.
      all.remove(all.stream().min(Comparator.comparing(Hold::ends)).orElseThrow());
    }
    return withHolds(all);
  }

  /** Returns the health without the holds that end by one of these. */
  GpuHealth without(Ends... over) {
    List<Ends> ended = List.of(over);
    return withHolds(holds.stream().filter(hold -> !ended.contains(hold.ends())).toList());
  }

  private GpuHealth withHolds(List<Hold> kept) {
    return kept.equals(holds)
        ? this
        : new GpuHealth(state, reason, since, lastSign, kept, trustedAfter);
  }
}
