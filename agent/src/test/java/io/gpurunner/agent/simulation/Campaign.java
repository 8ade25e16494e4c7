package io.gpurunner.agent.simulation;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import io.gpurunner.agent.ledger.MemoryLedger;
import io.gpurunner.agent.simulation.Simulation.Result;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;
import org.slf4j.LoggerFactory;

/** Many seeds, each in one thread, as many threads as there are cores. Thread-safe. */
final class Campaign {
  private final ModelFiles models;
  private final Plant plant;

  /**
   * What came of it.
   *
   * @param broken the broken seed with the lowest number, told
   */
  record Outcome(long seeds, long jobs, long turns, Optional<Result> broken) {}

  private record Share(long seeds, long jobs, long turns) {}

  /**
   * @param directory for model files that jobs leave
   */
  Campaign(Path directory, Plant plant) {
    this.models = ModelFiles.make(directory);
    this.plant = plant;
    // What the agent logs is told by the stories, and would take longer than all the rest.
    for (String name : List.of("io.gpurunner", "ROOT")) {
      ((Logger) LoggerFactory.getLogger(name)).setLevel(Level.OFF);
    }
  }

  /** One seed, its story told. */
  Result tell(long seed) {
    try (MemoryLedger ledger = new MemoryLedger()) {
      return Simulation.run(seed, true, ledger, models, plant);
    }
  }

  /**
   * Seeds from the first to the last, or until one is broken.
   *
   * @param progress hears how many are done, now and then
   */
  Outcome run(long first, long last, LongConsumer progress) {
    AtomicLong next = new AtomicLong(first);
    AtomicLong firstBroken = new AtomicLong(Long.MAX_VALUE);
    int threads = Runtime.getRuntime().availableProcessors();
    try (ExecutorService workers = Executors.newFixedThreadPool(threads)) {
      List<Future<Share>> shares = new ArrayList<>();
      for (int i = 0; i < threads; i++) {
        shares.add(workers.submit(() -> work(next, last, firstBroken, progress)));
      }
      long seeds = 0;
      long jobs = 0;
      long turns = 0;
      for (Future<Share> share : shares) {
        seeds += share.get().seeds();
        jobs += share.get().jobs();
        turns += share.get().turns();
      }
      long broken = firstBroken.get();
      return new Outcome(
          seeds,
          jobs,
          turns,
          broken == Long.MAX_VALUE ? Optional.empty() : Optional.of(tell(broken)));
    } catch (InterruptedException | ExecutionException e) {
      throw new IllegalStateException("a simulation failed", e);
    }
  }

  private Share work(AtomicLong next, long last, AtomicLong firstBroken, LongConsumer progress) {
    long seeds = 0;
    long jobs = 0;
    long turns = 0;
    try (MemoryLedger ledger = new MemoryLedger()) {
      long seed;
      while ((seed = next.getAndIncrement()) <= last && firstBroken.get() == Long.MAX_VALUE) {
        Result result = run(seed, ledger);
        seeds++;
        jobs += result.jobs();
        turns += result.turns();
        if (result.broken().isPresent()) {
          firstBroken.accumulateAndGet(seed, Math::min);
        }
        progress.accept(seed);
      }
    }
    return new Share(seeds, jobs, turns);
  }

  private Result run(long seed, MemoryLedger ledger) {
    try {
      return Simulation.run(seed, false, ledger, models, plant);
    } catch (RuntimeException e) {
      throw new IllegalStateException("seed " + seed + " met a fault of the simulation itself", e);
    }
  }

  /** What to show of a seed that broke an invariant. */
  static String words(Result broken) {
    return broken.story()
        + "\n\nseed "
        + broken.seed()
        + " breaks an invariant: "
        + broken
            .broken()
            .orElse("not when it is told: something in it does not follow from the seed")
        + "\nagain with: make simulate SEED="
        + broken.seed();
  }
}
