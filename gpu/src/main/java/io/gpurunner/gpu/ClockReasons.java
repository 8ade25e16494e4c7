package io.gpurunner.gpu;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Why a GPU's clocks are lower than they could be: the bits of {@code nvmlClocksEventReason…} in
 * {@code nvml.h}. Stateless.
 */
public final class ClockReasons {
  /** By its own measure the device draws too much power. Under load that is usual. */
  static final long SW_POWER_CAP = 0x04;

  /** Its hardware halves the clocks or more, for heat or power. */
  static final long HW_SLOWDOWN = 0x08;

  static final long SW_THERMAL = 0x20;
  static final long HW_THERMAL = 0x40;

  /** The power supply asked for it. */
  static final long POWER_BRAKE = 0x80;

  private static final Map<Long, String> WORDS =
      new TreeMap<>(
          Map.of(
              SW_POWER_CAP,
              "its power limit",
              HW_SLOWDOWN,
              "heat or power (by its hardware)",
              SW_THERMAL,
              "heat (by the driver)",
              HW_THERMAL,
              "heat (by its hardware)",
              POWER_BRAKE,
              "the power supply"));

  private ClockReasons() {}

  /** Returns the reasons that slow a busy device down, in words. */
  public static List<String> slowdowns(long reasons) {
    // With one of the two others it only says the same in general.
    long particular =
        (reasons & (HW_THERMAL | POWER_BRAKE)) == 0 ? reasons : reasons & ~HW_SLOWDOWN;
    return WORDS.entrySet().stream()
        .filter(reason -> (particular & reason.getKey()) != 0)
        .map(Map.Entry::getValue)
        .toList();
  }
}
