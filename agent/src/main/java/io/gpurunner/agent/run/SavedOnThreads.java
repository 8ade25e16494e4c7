package io.gpurunner.agent.run;

import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerOutput;
import io.gpurunner.agent.container.ContainerRef;
import io.gpurunner.storage.FileWork;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.Optional;

/** A container output that writes files on the threads of {@link FileWork}. Thread-safe. */
public final class SavedOnThreads implements ContainerOutput {
  private final ContainerOutput real;
  private final FileWork files;

  public SavedOnThreads(ContainerOutput real, FileWork files) {
    this.real = real;
    this.files = files;
  }

  @Override
  public void save(ContainerRef container, Path file) {
    files.run(FileWork.Task.SAVE, () -> real.save(container, file));
  }

  @Override
  public void copy(ContainerName name, int tailLines, boolean follow, OutputStream to) {
    real.copy(name, tailLines, follow, to);
  }

  @Override
  public Optional<byte[]> head(ContainerRef container, String path, int bytesLimit) {
    return real.head(container, path, bytesLimit);
  }
}
