package io.gpurunner.agent.simulation;

import static org.junit.jupiter.api.Assertions.fail;

import java.io.PrintStream;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code make simulate}: runs as many seeds as asked for, or one seed with its story. {@code make
 * test} does not run it, because of its name.
 */
class SimulationCampaign {
  private static final long SEEDS = Long.getLong("simulation.seeds", 100_000);
  private static final long FIRST = Long.getLong("simulation.first", 1);
  private static final long LINE_EVERY = 2_000;
  private static final PrintStream OUT = System.out;

  @TempDir Path directory;

  @Test
  void simulate() {
    Campaign campaign = new Campaign(directory, Plant.NONE);
    Long seed = Long.getLong("simulation.seed");
    if (seed != null) {
      Simulation.Result told = campaign.tell(seed);
      OUT.println(told.story());
      OUT.println(told.broken().map(what -> "BROKEN: " + what).orElse("no invariant is broken"));
      if (told.broken().isPresent()) {
        fail(told.broken().get());
      }
      return;
    }
    long began = System.nanoTime();
    AtomicLong done = new AtomicLong();
    Campaign.Outcome outcome =
        campaign.run(
            FIRST,
            FIRST + SEEDS - 1,
            _ -> {
              long count = done.incrementAndGet();
              if (count % LINE_EVERY == 0) {
                OUT.printf("%d of %d seeds, %d s%n", count, SEEDS, secondsSince(began));
              }
            });
    OUT.printf(
        "%d seeds from %d on, %d jobs, %d turns, %d s: %s%n",
        outcome.seeds(),
        FIRST,
        outcome.jobs(),
        outcome.turns(),
        secondsSince(began),
        outcome.broken().isEmpty() ? "no invariant broken" : "BROKEN");
    outcome
        .broken()
        .ifPresent(
            broken -> {
              OUT.println(Campaign.words(broken));
              fail(broken.broken().orElse("the seed breaks nothing when it is run again"));
            });
  }

  private static long secondsSince(long nanos) {
    return (System.nanoTime() - nanos) / 1_000_000_000;
  }
}
