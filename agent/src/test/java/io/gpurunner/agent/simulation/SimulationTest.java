package io.gpurunner.agent.simulation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** No invariant is broken in 2,000 simulations. {@code make simulate} runs more. */
class SimulationTest {
  private static final long SEEDS = 2_000;
  private static final long SEEDS_TOLD_TWICE = 25;

  @TempDir Path directory;

  @Test
  void noSeedBreaksAnInvariant() {
    Campaign.Outcome outcome = new Campaign(directory, Plant.NONE).run(1, SEEDS, _ -> {});
    outcome.broken().ifPresent(broken -> fail(Campaign.words(broken)));
    assertThat(outcome.seeds()).isEqualTo(SEEDS);
    // The simulations must have had jobs.
    assertThat(outcome.jobs()).isGreaterThan(2 * SEEDS);
  }

  /**
   * The story is the same in another order, with another ledger, and in another process, whose
   * hashes have another salt.
   */
  @Test
  void theSameSeedIsTheSameStory() throws IOException {
    List<String> here =
        LongStream.rangeClosed(1, SEEDS_TOLD_TWICE)
            .map(seed -> SEEDS_TOLD_TWICE + 1 - seed)
            .mapToObj(seed -> fingerprint(directory, seed))
            .toList()
            .reversed();
    Process other =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty(
                    "surefire.test.class.path", System.getProperty("java.class.path")),
                Fingerprints.class.getName(),
                directory.toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    String told = new String(other.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(told.lines()).containsExactlyElementsOf(here);
  }

  private static String fingerprint(Path directory, long seed) {
    return seed + ": " + new Campaign(directory, Plant.NONE).tell(seed).fingerprint();
  }

  /** The main class of the other process. */
  static final class Fingerprints {
    private Fingerprints() {}

    public static void main(String[] arguments) {
      Path directory = Path.of(arguments[0]);
      for (long seed = 1; seed <= SEEDS_TOLD_TWICE; seed++) {
        System.out.println(fingerprint(directory, seed));
      }
    }
  }
}
