package io.gpurunner.storage;

import io.gpurunner.storage.TreeMeasure.HiddenTreeException;
import io.gpurunner.storage.TreeMeasure.Used;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;

/**
 * The directories that stand for the volumes which a job's image declares. An engine would put such
 * a volume on its own disk, where nothing limits it. They are empty at the start of each run, as
 * the engine's own would be. Stateless, except for the list of processes.
 */
final class ImageVolumes {
  private final HeldFiles held = new HeldFiles();

  /** Creates the directories, empty. May be called again after a crash. */
  void prepare(JobPaths paths) throws IOException {
    Path all = paths.imageVolumes();
    TreeRemoval.remove(all);
    Files.createDirectory(all);
    for (int number = 0; number < JobPaths.IMAGE_VOLUMES_LIMIT; number++) {
      Path one = Files.createDirectory(directory(paths, number));
      Files.setPosixFilePermissions(one, DurableFiles.EVERYONE);
    }
    DurableFiles.sync(all);
    DurableFiles.sync(paths.root());
  }

  private static Path directory(JobPaths paths, int number) {
    return paths.imageVolumes().resolve(Integer.toString(number));
  }

  /** Measures what the job has written to them. The directories themselves do not count. */
  Used measure(JobPaths paths, long maxFiles) throws HiddenTreeException {
    if (!Files.isDirectory(paths.imageVolumes(), LinkOption.NOFOLLOW_LINKS)) {
      return Used.NOTHING; // the job was prepared by an earlier agent
    }
    Used all = Used.NOTHING;
    for (int number = 0; number < JobPaths.IMAGE_VOLUMES_LIMIT; number++) {
      Path one = directory(paths, number);
      Used inTree = TreeMeasure.of(one, maxFiles);
      Used deleted = held.heldFrom(one);
      if (inTree.files() > 1 || deleted.files() > 0) {
        all =
            new Used(
                all.bytes() + inTree.bytes() + deleted.bytes(),
                all.files() + inTree.files() + deleted.files());
      }
    }
    return all;
  }
}
