package io.gpurunner.storage;

import io.gpurunner.storage.StorageException.Kind;
import java.io.IOException;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.SecureDirectoryStream;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Reads a directory tree that an untrusted job wrote. Every step is relative to an open directory
 * and refuses links ({@code openat} with {@code O_NOFOLLOW}), so that no name in the tree, nor one
 * exchanged while it is read, leads out of it.
 */
final class SafeTree {
  /** Each level costs an open file while its inside is visited. */
  static final int MAX_DEPTH = 200;

  private static final Set<OpenOption> READ =
      Set.of(StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);

  private SafeTree() {}

  /** What an entry is. */
  enum Type {
    DIRECTORY,
    FILE,
    LINK,
    SPECIAL
  }

  /** Called for each entry, parents before their children, in the order of the names' bytes. */
  interface Visitor {
    /**
     * @param parent the open directory that holds the entry
     * @param relative the entry's path below the tree's root
     */
    void visit(
        SecureDirectoryStream<Path> parent,
        Path relative,
        Type type,
        PosixFileAttributes attributes)
        throws IOException;
  }

  /** Opens a directory that the caller trusts not to be a link. */
  @SuppressWarnings("StreamResourceLeak") // handed to the caller, who closes it
  static SecureDirectoryStream<Path> open(Path directory) throws IOException {
    if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
      throw new NoSuchFileException(directory.toString(), null, "not a directory");
    }
    DirectoryStream<Path> stream = Files.newDirectoryStream(directory);
    if (stream instanceof SecureDirectoryStream<Path> secure) {
      return secure;
    }
    stream.close();
    throw new IOException("this file system has no directory handles: " + directory);
  }

  /** The attributes of an entry itself, be it a link. */
  static BasicFileAttributes attributes(DirectoryStream<Path> parent, Path name)
      throws IOException {
    return ((SecureDirectoryStream<Path>) parent)
        .getFileAttributeView(name, BasicFileAttributeView.class, LinkOption.NOFOLLOW_LINKS)
        .readAttributes();
  }

  /**
   * Visits everything below a directory. What vanishes while it is walked is passed over.
   *
   * @throws StorageException REFUSED where it is deeper than {@link #MAX_DEPTH}; CANCELLED
   */
  static void walk(Path root, Cancellation cancellation, Visitor visitor) throws IOException {
    try (SecureDirectoryStream<Path> top = open(root)) {
      walk(root, top, Path.of(""), 1, cancellation, visitor);
    } catch (DirectoryIteratorException failed) {
      throw failed.getCause();
    }
  }

  private static void walk(
      Path root,
      SecureDirectoryStream<Path> directory,
      Path relative,
      int depth,
      Cancellation cancellation,
      Visitor visitor)
      throws IOException {
    if (depth > MAX_DEPTH) {
      throw new StorageException(
          Kind.REFUSED,
          "%s: directories nest deeper than %d levels, which is not accepted; the deepest begins with %s"
              .formatted(root, MAX_DEPTH, ArtifactNames.readable(relative.subpath(0, 3))));
    }
    List<Path> names = new ArrayList<>();
    for (Path entry : directory) {
      names.add(entry.getFileName());
    }
    names.sort(null);
    for (Path name : names) {
      if (cancellation.isCancelled()) {
        throw new CancelledException();
      }
      Path path = depth == 1 ? name : relative.resolve(name);
      try {
        PosixFileAttributes attributes =
            directory
                .getFileAttributeView(name, PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS)
                .readAttributes();
        Type type = type(attributes);
        visitor.visit(directory, path, type, attributes);
        if (type == Type.DIRECTORY) {
          try (SecureDirectoryStream<Path> child =
              directory.newDirectoryStream(name, LinkOption.NOFOLLOW_LINKS)) {
            walk(root, child, path, depth + 1, cancellation, visitor);
          }
        }
      } catch (NoSuchFileException vanished) {
        // Removed since its directory was read: as if it had never been there.
      }
    }
  }

  private static Type type(BasicFileAttributes attributes) {
    if (attributes.isSymbolicLink()) {
      return Type.LINK;
    }
    if (attributes.isDirectory()) {
      return Type.DIRECTORY;
    }
    return attributes.isRegularFile() ? Type.FILE : Type.SPECIAL;
  }

  /** Opens a file of an open directory for reading. */
  static SeekableByteChannel read(SecureDirectoryStream<Path> parent, Path name)
      throws IOException {
    return parent.newByteChannel(name, READ);
  }

  /** Opens a file by its path below a root, directory by directory. */
  static SeekableByteChannel read(Path root, Path relative) throws IOException {
    SecureDirectoryStream<Path> directory = open(root);
    try {
      for (int level = 0; level < relative.getNameCount() - 1; level++) {
        SecureDirectoryStream<Path> child =
            directory.newDirectoryStream(relative.getName(level), LinkOption.NOFOLLOW_LINKS);
        directory.close();
        directory = child;
      }
      return read(directory, relative.getFileName());
    } finally {
      directory.close();
    }
  }
}
