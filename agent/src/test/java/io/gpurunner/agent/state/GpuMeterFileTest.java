package io.gpurunner.agent.state;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.run.GpuMeter.Measured;
import io.gpurunner.agent.run.GpuMeter.Spent;
import io.gpurunner.agent.run.GpuMeter.Times;
import io.gpurunner.agent.run.RunMeter;
import io.gpurunner.api.JobId;
import io.gpurunner.gpu.GpuUuid;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class GpuMeterFileTest {
  private static final Instant T = Instant.parse("2026-01-01T00:00:00.123Z");
  private static final GpuUuid GPU = new GpuUuid("GPU-a");
  private static final Measured MEASURED =
      new Measured(
          T,
          Map.of(GPU, new Times(T.minusSeconds(9), Map.of(Spent.FREE, 4_000L, Spent.USED, 5_000L))),
          List.of(
              new RunMeter.Saved(
                  JobId.random(),
                  2,
                  GPU,
                  T,
                  7,
                  700,
                  OptionalLong.of(3),
                  OptionalLong.empty(),
                  OptionalLong.of(0),
                  0x40)));

  @TempDir private Path directory;

  private GpuMeterFile file() {
    return new GpuMeterFile(directory);
  }

  @Test
  void whatWasSavedIsLoaded() {
    assertThat(file().load()).isEmpty();
    file().save(new Measured(T.minusSeconds(60), Map.of(), List.of()));
    file().save(MEASURED);
    assertThat(file().load()).contains(MEASURED);
  }

  /** A damaged file fails no start. */
  @ParameterizedTest
  @ValueSource(strings = {"", "{", "[]", "{}", "null", "{\"spent\":{},\"runs\":[]}"})
  void aDamagedFileCountsAsNone(String text) throws Exception {
    Files.writeString(directory.resolve("gpu-meter"), text);
    assertThat(file().load()).isEmpty();
  }
}
