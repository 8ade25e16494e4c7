package io.gpurunner.storage;

import io.gpurunner.storage.TreeMeasure.HiddenTreeException;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * The folders that jobs have on this machine: their directories, and their artifacts if the store
 * is local. It tells what they take on disk. Calls read the disk, and block if it hangs.
 * Thread-safe.
 */
public final class KeptFolders {
  private final List<Path> roots;

  /**
   * @param stateDirectory of the agent, as it was given to the volumes
   */
  public KeptFolders(Path stateDirectory) {
    this.roots = List.of(stateDirectory.resolve("jobs"), stateDirectory.resolve("artifacts"));
  }

  /**
   * Returns the names of all folders.
   *
   * @throws StorageException if the disk cannot be read
   */
  public Set<String> names() {
    Set<String> names = new HashSet<>();
    for (Path root : roots) {
      try (DirectoryStream<Path> folders = Files.newDirectoryStream(root)) {
        folders.forEach(folder -> names.add(folder.getFileName().toString()));
      } catch (NoSuchFileException none) {
        // No job has left anything there yet.
      } catch (IOException | DirectoryIteratorException failure) {
        throw DiskErrors.explain("cannot list", root, new IOException(failure));
      }
    }
    return names;
  }

  /**
   * Returns the bytes that a folder takes on disk. What is in an image counts as the image does.
   *
   * @throws StorageException if the disk cannot be read
   */
  public long bytes(JobFolder folder) {
    long bytes = 0;
    for (Path root : roots) {
      try {
        bytes += TreeMeasure.of(root.resolve(folder.name()), Long.MAX_VALUE).bytes();
      } catch (HiddenTreeException partly) {
        bytes += partly.seen().bytes();
      }
    }
    return bytes;
  }
}
