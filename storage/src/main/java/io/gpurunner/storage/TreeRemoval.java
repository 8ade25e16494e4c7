package io.gpurunner.storage;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SecureDirectoryStream;
import java.nio.file.attribute.PosixFileAttributeView;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Removes a directory tree that an untrusted job wrote. Follows no link. However deep, wide or
 * numerous its directories are, it needs no recursion, little memory and at most three open
 * directories: it moves the directories inside a directory up beside the tree's own entries, where
 * the next pass finds them. May be called again after a crash.
 */
final class TreeRemoval {
  /**
   * The largest number of passes. Each pass removes every entry that it found. If nothing adds to
   * the tree, there are at most as many passes as directories, and no file system has that many
   * inodes.
   */
  private static final int MAX_PASSES = Integer.MAX_VALUE;

  private TreeRemoval() {}

  /** Removes the tree. If there is none, nothing happens. */
  static void remove(Path root) throws IOException {
    if (!Files.exists(root, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    if (Files.isDirectory(root, LinkOption.NOFOLLOW_LINKS)) {
      empty(root);
    }
    Files.deleteIfExists(root);
  }

  /** Removes everything in a directory, not the directory itself. */
  static void empty(Path root) throws IOException {
    String movedPrefix = ".removing-" + UUID.randomUUID() + "-"; // a name that no job can have used
    AtomicLong moved = new AtomicLong();
    try {
      for (int pass = 0; pass < MAX_PASSES; pass++) {
        if (!emptyOnce(root, movedPrefix, moved)) {
          return;
        }
      }
    } catch (DirectoryIteratorException failed) {
      throw failed.getCause();
    }
    throw new IOException("something keeps creating directories in " + root);
  }

  /**
   * Removes the entries of a directory. The directories inside its directories are moved into it.
   */
  private static boolean emptyOnce(Path root, String movedPrefix, AtomicLong moved)
      throws IOException {
    boolean any = false;
    try (SecureDirectoryStream<Path> top = SafeTree.open(root)) {
      makeWritable(top.getFileAttributeView(PosixFileAttributeView.class));
      for (Path entry : top) {
        any = true;
        Path name = entry.getFileName();
        if (isDirectory(top, name)) {
          emptyInto(top, name, movedPrefix, moved);
          top.deleteDirectory(name);
        } else {
          unlink(top, name);
        }
      }
    }
    return any;
  }

  private static void emptyInto(
      SecureDirectoryStream<Path> top, Path name, String movedPrefix, AtomicLong moved)
      throws IOException {
    makeWritable(
        top.getFileAttributeView(name, PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS));
    try (SecureDirectoryStream<Path> directory =
        top.newDirectoryStream(name, LinkOption.NOFOLLOW_LINKS)) {
      for (Path entry : directory) {
        Path child = entry.getFileName();
        if (isDirectory(directory, child)) {
          makeWritable(
              directory.getFileAttributeView(
                  child, PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS));
          directory.move(child, top, Path.of(movedPrefix + moved.incrementAndGet()));
        } else {
          unlink(directory, child);
        }
      }
    }
  }

  private static boolean isDirectory(DirectoryStream<Path> parent, Path name) throws IOException {
    try {
      return SafeTree.attributes(parent, name).isDirectory();
    } catch (NoSuchFileException vanished) {
      return false;
    }
  }

  private static void unlink(SecureDirectoryStream<Path> parent, Path name) throws IOException {
    try {
      parent.deleteFile(name);
    } catch (NoSuchFileException vanished) {
      // Somebody else removed it.
    }
  }

  /**
   * Makes a directory writable. Without write permission even its owner, unless root, cannot empty
   * it.
   */
  private static void makeWritable(PosixFileAttributeView view) throws IOException {
    var permissions = view.readAttributes().permissions();
    if (!permissions.containsAll(DurableFiles.OWNER_ONLY)) {
      view.setPermissions(DurableFiles.OWNER_ONLY);
    }
  }
}
