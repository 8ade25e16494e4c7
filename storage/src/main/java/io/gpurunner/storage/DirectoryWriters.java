package io.gpurunner.storage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/** Knows who, beside root and the agent, may rename what is in a directory. Stateless. */
final class DirectoryWriters {
  /** The bits of a mode that let the group and all others write. */
  private static final int OTHERS_WRITE = 0022;

  private static final int OWN_UID = ownUid();

  private DirectoryWriters() {}

  /**
   * Returns the nearest directory above a path in which others may write.
   *
   * @param last the last directory that is looked at
   */
  static Optional<Path> firstOpenAbove(Path path, Path last) throws IOException {
    for (Path above = path.getParent(); above != null; above = above.getParent()) {
      Map<String, Object> attributes = Files.readAttributes(above, "unix:uid,mode");
      int mode = (int) Objects.requireNonNull(attributes.get("mode"));
      int owner = (int) Objects.requireNonNull(attributes.get("uid"));
      if ((mode & OTHERS_WRITE) != 0 || (owner != 0 && owner != OWN_UID)) {
        return Optional.of(above);
      }
      if (above.equals(last)) {
        return Optional.empty();
      }
    }
    return Optional.empty();
  }

  private static int ownUid() {
    try {
      return (int) Files.getAttribute(Path.of("/proc/self"), "unix:uid");
    } catch (IOException noProc) {
      return 0;
    }
  }
}
