package io.gpurunner.agent.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import io.gpurunner.agent.ledger.MemoryLedger;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

class SimulationTest {
  @TempDir Path directory;

  @Test
  void noSeedBreaksAnInvariant() {
    ((Logger) LoggerFactory.getLogger("io.gpurunner")).setLevel(Level.OFF);
    long from = Long.getLong("from", 1);
    long to = Long.getLong("to", 300);
    try (MemoryLedger ledger = new MemoryLedger()) {
      ModelFiles models = ModelFiles.make(directory);
      long start = System.nanoTime();
      long turns = 0; long jobs = 0; int bad = 0;
      for (long seed = from; seed <= to; seed++) {
        Simulation.Result result = Simulation.run(seed, false, ledger, models, Plant.NONE);
        turns += result.turns(); jobs += result.jobs();
        if (result.broken().isPresent()) {
          bad++;
          System.out.println("seed " + seed + ": " + result.broken().get().lines().limit(6).toList());
          if (bad == 1) {
            Simulation.Result again = Simulation.run(seed, true, ledger, models, Plant.NONE);
            try { java.nio.file.Files.writeString(Path.of("/tmp/w/sim-story.txt"), again.story() + "\n" + again.broken()); } catch (Exception e) { throw new RuntimeException(e); }
          }
          if (bad > 12) break;
        }
        if (Long.getLong("tell", 0) == seed) { try { java.nio.file.Files.writeString(Path.of("/tmp/w/sim-story.txt"), Simulation.run(seed, true, ledger, models, Plant.NONE).story()); } catch (Exception e) { throw new RuntimeException(e); } }
      }
      System.out.println((System.nanoTime() - start) / 1e6 / (to - from + 1) + " ms a seed, turns " + turns + " jobs " + jobs + " bad " + bad);
      assertThat(bad).isZero();
    }
  }
}
