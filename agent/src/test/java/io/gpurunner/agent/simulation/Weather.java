package io.gpurunner.agent.simulation;

import java.util.ArrayList;
import java.util.List;

/**
 * How likely each fault is in this simulation. Each kind of fault is absent from about half of the
 * seeds, so that rare meetings of two kinds are not hidden by all the others.
 */
final class Weather {
  // Percent of calls.
  int interleaved;
  int slow;

  /** How often calls to engine, store and receiver hang until their time is up. */
  int hangs;

  int engine;
  int lateEffects;
  int images;
  int volumes;
  int store;
  int gpus;

  /** How often looks at the GPUs hang in the driver for a long time. */
  int stalls;

  int receiver;
  int ledgerVoid;
  int ledgerUnknown;
  int ledgerReads;

  /** How often commits are so slow that the caller does not hear their outcome. */
  int ledgerLate;

  /** How often the agent dies at a point between two steps, out of ten thousand points. */
  int deaths;

  private final List<Mischief.Kind> mischief = new ArrayList<>();

  Weather(Dice dice) {
    boolean calm = dice.percent(5);
    if (calm) {
      return;
    }
    interleaved = some(dice, 30);
    slow = some(dice, 8);
    hangs = some(dice, 6);
    engine = some(dice, 15);
    lateEffects = some(dice, 40);
    images = some(dice, 40);
    volumes = dice.percent(20) ? dice.between(1, 10) : 0;
    store = some(dice, 40);
    gpus = some(dice, 20);
    stalls = some(dice, 3);
    receiver = some(dice, 60);
    ledgerVoid = some(dice, 6);
    ledgerUnknown = some(dice, 6);
    ledgerReads = some(dice, 3);
    ledgerLate = dice.percent(30) ? dice.between(1, 8) : 0;
    deaths = some(dice, 60);
    for (Mischief.Kind kind : Mischief.Kind.values()) {
      if (dice.percent(35)) {
        mischief.add(kind);
      }
    }
  }

  private static int some(Dice dice, int most) {
    return dice.percent(50) ? 0 : dice.between(1, most);
  }

  List<Mischief.Kind> mischief() {
    return mischief;
  }

  /** From now on nothing fails any more. */
  void calmDown() {
    slow = 0;
    hangs = 0;
    engine = 0;
    lateEffects = 0;
    images = 0;
    volumes = 0;
    store = 0;
    gpus = 0;
    stalls = 0;
    receiver = 0;
    ledgerVoid = 0;
    ledgerUnknown = 0;
    ledgerReads = 0;
    ledgerLate = 0;
    deaths = 0;
    mischief.clear();
  }
}
