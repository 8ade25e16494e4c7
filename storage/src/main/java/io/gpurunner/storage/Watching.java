package io.gpurunner.storage;

import io.gpurunner.storage.TreeMeasure.HiddenTreeException;
import io.gpurunner.storage.TreeMeasure.Used;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * Measures volumes. It stops no write by itself. What a volume takes are the files in its tree, and
 * the files that were deleted from it and that processes still hold.
 */
final class Watching implements VolumeLimit {
  private static final Duration LOOK_INTERVAL = Duration.ofSeconds(5);

  /** The images of jobs that were prepared while volumes were images. */
  private final LoopImages images;

  private final HeldFiles held = new HeldFiles();

  Watching() {
    this.images = new LoopImages(new MachineMounts());
  }

  /**
   * @param images are other jobs' volumes, or were
   */
  Watching(LoopImages images) {
    this.images = images;
  }

  @Override
  public void prepare(Path jobRoot, Volume volume, long limitBytes) throws IOException {
    LoopImages.requireShown(jobRoot, volume);
    DurableFiles.directory(VolumeLimit.directory(jobRoot, volume), DurableFiles.EVERYONE);
  }

  @Override
  public void reveal(Path jobRoot, Volume volume) throws IOException {
    LoopImages.requireShown(jobRoot, volume);
  }

  @Override
  public Usage measure(Path jobRoot, Volume volume, long maxFiles) throws HiddenTreeException {
    Path directory = VolumeLimit.directory(jobRoot, volume);
    Used deleted = held.heldFrom(directory);
    Used inTree = TreeMeasure.of(directory, maxFiles);
    return new Usage(
        inTree.bytes() + deleted.bytes(), Optional.of(inTree.files() + deleted.files()));
  }

  @Override
  public void release(Path jobRoot, Volume volume) throws IOException {
    images.release(jobRoot, volume);
  }

  @Override
  public Duration lookInterval() {
    return LOOK_INTERVAL;
  }
}
