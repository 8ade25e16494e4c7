package io.gpurunner.agent.state;

import io.gpurunner.storage.FileFault;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;

/** Creates the directory that holds everything the agent keeps. Stateless. */
public final class StateDirectory {
  private StateDirectory() {}

  /**
   * Creates the directory with mode 0700 if it is absent. It is on disk when this returns.
   *
   * @throws StateException if it cannot be created or cannot be written
   */
  public static void create(Path directory) {
    try {
      boolean isNew = !Files.exists(directory);
      Files.createDirectories(
          directory,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
      if (isNew) { // without this sync a power cut could remove the directory with its files
        try (FileChannel parent =
            FileChannel.open(directory.toAbsolutePath().resolveSibling("."))) {
          parent.force(true);
        }
      }
    } catch (IOException e) {
      throw new StateException(
          "state-dir " + directory + " cannot be created: " + FileFault.words(e, directory), e);
    }
    if (!Files.isWritable(directory)) {
      throw new StateException(
          "state-dir " + directory + " cannot be written: run as the user that owns it",
          new IOException("not writable"));
    }
  }
}
