package io.gpurunner.storage;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/** File system steps that are on disk when they return. */
final class DurableFiles {
  static final Set<PosixFilePermission> OWNER_ONLY = PosixFilePermissions.fromString("rwx------");

  /**
   * The permissions that let containers write which do not run as root. The directory above keeps
   * others out.
   */
  static final Set<PosixFilePermission> EVERYONE = PosixFilePermissions.fromString("rwxrwxrwx");

  private DurableFiles() {}

  /**
   * Creates a directory, or finds it, with exactly these permissions (whatever the umask is), and
   * syncs its parent.
   *
   * @return whether it was created
   */
  static boolean directory(Path path, Set<PosixFilePermission> permissions) throws IOException {
    boolean made = false;
    try {
      Files.createDirectory(path, PosixFilePermissions.asFileAttribute(OWNER_ONLY));
      made = true;
    } catch (FileAlreadyExistsException exists) {
      if (!Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
        NotDirectoryException wrong = new NotDirectoryException(path.toString());
        wrong.addSuppressed(exists);
        throw wrong;
      }
    }
    if (!Files.getPosixFilePermissions(path, LinkOption.NOFOLLOW_LINKS).equals(permissions)) {
      Files.setPosixFilePermissions(path, permissions);
    }
    sync(path);
    if (made) {
      sync(parent(path));
    }
    return made;
  }

  /** Writes a directory's entries to disk. */
  static void sync(Path directory) throws IOException {
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }

  private static Path parent(Path path) throws IOException {
    Path parent = path.toAbsolutePath().getParent();
    if (parent == null) {
      throw new IOException("has no parent directory: " + path);
    }
    return parent;
  }
}
