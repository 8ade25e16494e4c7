package io.gpurunner.agent.state;

import io.gpurunner.agent.run.GpuMeter;
import java.nio.file.Path;
import java.util.Optional;

/** What was measured of the GPUs, as the file {@code gpu-meter}. */
public final class GpuMeterFile implements GpuMeter.Store {
  private final SavedFile<GpuMeter.Measured> file;

  public GpuMeterFile(Path stateDirectory) {
    this.file =
        new SavedFile<>(
            stateDirectory.resolve("gpu-meter"),
            GpuMeter.Measured.class,
            "what was measured of the GPUs");
  }

  @Override
  public Optional<GpuMeter.Measured> load() {
    return file.load();
  }

  @Override
  public void save(GpuMeter.Measured measured) {
    file.save(measured);
  }
}
