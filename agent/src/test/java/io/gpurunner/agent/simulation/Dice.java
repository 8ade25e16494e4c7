package io.gpurunner.agent.simulation;

import io.gpurunner.api.JobId;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;

/** The source of all chance in a simulation, from one seed. One thread. */
final class Dice {
  private final SplittableRandom random;

  Dice(long seed) {
    // Neighbouring seeds must have nothing in common.
    this.random = new SplittableRandom(seed * 0x9E3779B97F4A7C15L + 0x632BE59BD9B4E019L);
  }

  RandomGenerator generator() {
    return random;
  }

  boolean percent(int chance) {
    return chance > 0 && random.nextInt(100) < chance;
  }

  boolean perTenThousand(int chance) {
    return chance > 0 && random.nextInt(10_000) < chance;
  }

  /** Returns a number from 0 to the limit, the limit excluded. */
  int below(int limit) {
    return random.nextInt(limit);
  }

  /** Returns a number from the least to the most, both included. */
  int between(int least, int most) {
    return least + random.nextInt(most - least + 1);
  }

  /** Returns a number from the least to the most, both included. */
  long micros(long least, long most) {
    return least + random.nextLong(most - least + 1);
  }

  long seconds(int least, int most) {
    return micros(least * Timeline.SECOND, most * Timeline.SECOND);
  }

  <T> T pick(List<T> among) {
    return among.get(random.nextInt(among.size()));
  }

  JobId jobId() {
    return new JobId(
        String.format(
            Locale.ROOT,
            "ai%08x-%04x-4%03x-8%03x-%012x",
            random.nextInt(),
            random.nextInt(1 << 16),
            random.nextInt(1 << 12),
            random.nextInt(1 << 12),
            random.nextLong(1L << 48)));
  }
}
