package io.gpurunner.agent.state;

import io.gpurunner.agent.auth.PrivateFiles;
import io.gpurunner.storage.FileFault;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;

/**
 * The random id of an agent, kept in its state directory. Containers carry it as a label. The
 * directory's path would not do: it can be spelled in several ways, and two agents that see
 * different file systems can have the same path (docs/adr/012). Stateless.
 */
public final class InstanceId {
  /** The file below the state directory: one line, mode 0600. */
  static final String FILE = "instance";

  private InstanceId() {}

  /**
   * Returns the id of a state directory. If it has none, a new id is created, and is on disk when
   * this returns.
   *
   * @throws StateException naming the file, if it cannot be read or created, or holds no id
   */
  public static String loadOrCreate(Path stateDirectory) {
    Path file = stateDirectory.resolve(FILE);
    try {
      if (Files.notExists(file)) {
        create(file);
      }
      return UUID.fromString(Files.readString(file).strip()).toString();
    } catch (IOException e) {
      throw new StateException(
          "the agent's id " + file + " cannot be read or created: " + FileFault.words(e, file), e);
    } catch (IllegalArgumentException e) {
      throw new StateException(
          "the agent's id "
              + file
              + " holds no id: restore it from a backup of the state directory, or remove it; the"
              + " next start then creates another id, and the administrator must remove containers"
              + " that no job has recorded",
          e);
    }
  }

  private static void create(Path file) throws IOException {
    try {
      PrivateFiles.createNew(file, (UUID.randomUUID() + "\n").getBytes(StandardCharsets.US_ASCII));
    } catch (FileAlreadyExistsException another) {
      // Another process was quicker. Its id counts.
    }
  }
}
