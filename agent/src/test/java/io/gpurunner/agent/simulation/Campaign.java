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

/** Runs many seeds, each in one thread. There are as many threads as cores. Thread-safe. */
final class Campaign {
  private final ModelFiles models;
  private final Plant plant;

  /**
   * The outcome of a campaign.
   *
   * @param broken the seed with the lowest number that broke an invariant, with its story
   */
  record Outcome(long seeds, long jobs, long turns, Optional<Result> broken) {}

  private record Share(long seeds, long jobs, long turns) {}

  /**
   * @param directory the directory for the model files of jobs
   */
  Campaign(Path directory, Plant plant) {
    this.models = ModelFiles.make(directory);
    this.plant = plant;
    // The stories tell what the agent logs, and logging would take longer than all the rest.
    for (String name : List.of("io.gpurunner", "ROOT")) {
      ((Logger) LoggerFactory.getLogger(name)).setLevel(Level.OFF);
    }
  }

  /** Runs one seed and tells its story. */
  Result tell(long seed) {
    try (MemoryLedger ledger = new MemoryLedger()) {
      return Simulation.run(seed, true, ledger, models, plant);
    }
  }

  /**
   * Runs the seeds from the first to the last, or until one breaks an invariant.
   *
   * @param progress called with each seed that is done
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

  /** Returns the text to show for a seed that broke an invariant. */
  static String words(Result broken) {
    return broken.story()
        + "\n\nseed "
        + broken.seed()
        + " breaks an invariant: "
        + broken
            .broken()
            .orElse("none when it is run again: something in it does not follow from the seed")
        + "\nagain with: make simulate SEED="
        + broken.seed();
  }
}
