package io.gpurunner.storage;

import java.io.IOException;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
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
 * and refuses links ({@code openat} with {@code O_NOFOLLOW}). So no name in the tree leads out of
 * it, even if it is exchanged while it is read.
 */
final class SafeTree {
  /** The largest number of characters of a path in a message. */
  private static final int MAX_SHOWN = 200;

  private static final Set<OpenOption> READ =
      Set.of(StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);

  private SafeTree() {}

  /** The kind of an entry. */
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

    /** Called for each directory after everything in it. */
    default void left(Path relative, PosixFileAttributes attributes) throws IOException {}
  }

  /** Opens a directory that the caller trusts not to be a link. */
  @SuppressWarnings("StreamResourceLeak") // handed to the caller, who closes it
  static SecureDirectoryStream<Path> open(Path directory) throws IOException {
    if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
      throw new NoSuchFileException(directory.toString(), null, "is not a directory");
    }
    DirectoryStream<Path> stream = Files.newDirectoryStream(directory);
    if (stream instanceof SecureDirectoryStream<Path> secure) {
      return secure;
    }
    stream.close();
    throw new IOException("this file system has no directory handles: " + directory);
  }

  /** Returns the attributes of an entry itself, even if it is a link. */
  static BasicFileAttributes attributes(DirectoryStream<Path> parent, Path name)
      throws IOException {
    return ((SecureDirectoryStream<Path>) parent)
        .getFileAttributeView(name, BasicFileAttributeView.class, LinkOption.NOFOLLOW_LINKS)
        .readAttributes();
  }

  /**
   * Visits everything below a directory. An entry that vanishes during the walk is skipped.
   *
   * @throws UnfitContentException if the tree is larger than the bounds
   * @throws CancelledException if the caller cancelled
   */
  static void walk(Path root, TreeBounds bounds, Cancellation cancellation, Visitor visitor)
      throws IOException {
    new Walk(bounds, cancellation, visitor).visitAll(root);
  }

  /** A walk through one or more trees that have the bounds together. One thread. */
  static final class Walk {
    private final TreeBounds bounds;
    private final Cancellation cancellation;
    private final Visitor visitor;
    private int entries;
    private long nameBytes;

    Walk(TreeBounds bounds, Cancellation cancellation, Visitor visitor) {
      this.bounds = bounds;
      this.cancellation = cancellation;
      this.visitor = visitor;
    }

    /** Visits everything below a directory. */
    void visitAll(Path root) throws IOException {
      try (SecureDirectoryStream<Path> top = open(root)) {
        directory(top, Path.of(""), 1);
      } catch (DirectoryIteratorException failed) {
        throw failed.getCause();
      }
    }

    /**
     * Visits everything below a directory of another tree, as if it was at a path of this one.
     *
     * @param relative the path of the directory below the other tree's root
     * @param as the path below the first root at which the visitor sees that directory
     */
    void visitAlso(Path root, Path relative, Path as) throws IOException {
      try (SecureDirectoryStream<Path> other = open(root, relative)) {
        directory(other, as, as.getNameCount() + 1);
      } catch (DirectoryIteratorException failed) {
        throw failed.getCause();
      }
    }

    private void directory(SecureDirectoryStream<Path> directory, Path relative, int depth)
        throws IOException {
      if (depth > bounds.depth()) {
        throw new UnfitContentException(
            "directories nest deeper than %d levels, the most that are taken; the deepest begins with %s"
                .formatted(bounds.depth(), shortened(relative)));
      }
      for (Path name : names(directory, relative)) {
        checkCancelled();
        Path path = depth == 1 ? name : relative.resolve(name);
        try {
          entry(directory, path, depth);
        } catch (NoSuchFileException vanished) {
          // It was removed since its directory was read, and counts as if it had never been there.
        }
      }
    }

    private List<Path> names(SecureDirectoryStream<Path> directory, Path relative)
        throws IOException {
      int parentBytes = relative.toString().getBytes(StandardCharsets.UTF_8).length;
      List<Path> names = new ArrayList<>();
      for (Path entry : directory) {
        Path name = entry.getFileName();
        entries++;
        // This text is of another Path: a Path keeps its text, and the names are kept.
        nameBytes +=
            parentBytes + entry.getFileName().toString().getBytes(StandardCharsets.UTF_8).length;
        if (entries > bounds.entries()) {
          throw new UnfitContentException(
              "it holds more than %d files, directories and links, the most that are taken; pack them into fewer"
                  .formatted(bounds.entries()));
        }
        if (nameBytes > bounds.nameBytes()) {
          throw new UnfitContentException(
              "the paths of all its files make more than %d bytes together, the most that are taken; pack the files or shorten their names"
                  .formatted(bounds.nameBytes()));
        }
        names.add(name);
      }
      names.sort(null);
      return names;
    }

    private void entry(SecureDirectoryStream<Path> directory, Path path, int depth)
        throws IOException {
      Path name = path.getFileName();
      PosixFileAttributes attributes =
          directory
              .getFileAttributeView(name, PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS)
              .readAttributes();
      Type type = type(attributes);
      visitor.visit(directory, path, type, attributes);
      if (type == Type.DIRECTORY) {
        try (SecureDirectoryStream<Path> child =
            directory.newDirectoryStream(name, LinkOption.NOFOLLOW_LINKS)) {
          directory(child, path, depth + 1);
        }
        visitor.left(path, attributes);
      }
    }

    private void checkCancelled() throws CancelledException {
      if (cancellation.isCancelled()) {
        throw new CancelledException();
      }
    }
  }

  /** Returns the beginning of a path, which may be very long. */
  private static String shortened(Path relative) {
    String text = ArtifactNames.readable(relative.subpath(0, Math.min(3, relative.getNameCount())));
    return text.length() <= MAX_SHOWN ? text : text.substring(0, MAX_SHOWN) + "…";
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
    Path parent = relative.getParent();
    try (SecureDirectoryStream<Path> directory = parent == null ? open(root) : open(root, parent)) {
      return read(directory, relative.getFileName());
    }
  }

  /**
   * Opens a directory by its path below a root, directory by directory. An empty path is the root.
   */
  static SecureDirectoryStream<Path> open(Path root, Path relative) throws IOException {
    SecureDirectoryStream<Path> directory = open(root);
    if (relative.toString().isEmpty()) {
      return directory;
    }
    for (Path name : relative) {
      try (SecureDirectoryStream<Path> parent = directory) {
        directory = parent.newDirectoryStream(name, LinkOption.NOFOLLOW_LINKS);
      }
    }
    return directory;
  }
}
