package io.gpurunner.agent.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The simulation finds each planted bug. A check that never finds anything may look at nothing. */
class PlantedBugsTest {
  private static final long SEED_LIMIT = 3_000;

  @TempDir Path directory;

  @ParameterizedTest
  @EnumSource
  void isFound(PlantedBugs bug) {
    Campaign campaign = new Campaign(directory, bug);
    List<String> found = new ArrayList<>();
    long next = 1;
    while (found.stream().noneMatch(what -> what.contains(bug.words())) && next <= SEED_LIMIT) {
      Optional<Simulation.Result> broken = campaign.run(next, SEED_LIMIT, _ -> {}).broken();
      broken.flatMap(Simulation.Result::broken).ifPresent(found::add);
      next = broken.map(result -> result.seed() + 1).orElse(SEED_LIMIT + 1);
    }
    assertThat(found)
        .as("what %s breaks within %d seeds", bug, SEED_LIMIT)
        .anyMatch(what -> what.contains(bug.words()));
  }
}
