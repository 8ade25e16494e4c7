package io.gpurunner.agent.state;

import io.gpurunner.gpu.HealthBook;
import java.nio.file.Path;

/** The health of the GPUs that are not healthy, as the file {@code gpu-health}. */
public final class GpuHealthFile implements HealthBook.Store {
  private final SavedFile<HealthBook.Saved> file;

  public GpuHealthFile(Path stateDirectory) {
    this.file =
        new SavedFile<>(
            stateDirectory.resolve("gpu-health"), HealthBook.Saved.class, "the health of the GPUs");
  }

  /** Returns what was saved last. No start fails for a file that cannot be read. */
  @Override
  public HealthBook.Saved load() {
    return file.load().orElse(HealthBook.Saved.NOTHING);
  }

  @Override
  public void save(HealthBook.Saved saved) {
    file.save(saved);
  }
}
