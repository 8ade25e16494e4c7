package io.gpurunner.agent.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A check that finds nothing may look at nothing: here it has something to find. */
class PlantedBugsTest {
  private static final long SEED_LIMIT = 1_000;

  @TempDir Path directory;

  @ParameterizedTest
  @EnumSource
  void isFound(PlantedBugs bug) {
    Campaign.Outcome outcome = new Campaign(directory, bug).run(1, SEED_LIMIT, _ -> {});
    assertThat(outcome.broken())
        .as("%s within %d seeds", bug, SEED_LIMIT)
        .hasValueSatisfying(found -> assertThat(found.broken()).isPresent());
  }
}
