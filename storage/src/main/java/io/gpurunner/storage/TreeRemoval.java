package io.gpurunner.storage;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SecureDirectoryStream;
import java.nio.file.attribute.PosixFileAttributeView;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.UUID;

/**
 * Removes a directory tree that an untrusted job wrote. Follows no link, and needs neither
 * recursion nor more than two open directories however deep the tree is: every directory found is
 * first moved up beside the tree's own entries, then emptied in turn. May be called again after a
 * crash in the middle of it.
 */
final class TreeRemoval {
  private TreeRemoval() {}

  /** Removes the tree; none there is no error. */
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
    try (SecureDirectoryStream<Path> top = SafeTree.open(root)) {
      makeWritable(top.getFileAttributeView(PosixFileAttributeView.class));
      Deque<Path> pending = new ArrayDeque<>();
      String movedPrefix = ".removing-" + UUID.randomUUID() + "-"; // no name a job could have used
      long moved = 0;
      for (Path entry : top) {
        Path name = entry.getFileName();
        if (isDirectory(top, name)) {
          pending.add(name);
        } else {
          unlink(top, name);
        }
      }
      while (!pending.isEmpty()) {
        Path name = pending.remove();
        makeWritable(
            top.getFileAttributeView(
                name, PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS));
        try (SecureDirectoryStream<Path> directory =
            top.newDirectoryStream(name, LinkOption.NOFOLLOW_LINKS)) {
          for (Path entry : directory) {
            Path child = entry.getFileName();
            if (isDirectory(directory, child)) {
              makeWritable(
                  directory.getFileAttributeView(
                      child, PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS));
              moved++;
              Path target = Path.of(movedPrefix + moved);
              directory.move(child, top, target);
              pending.add(target);
            } else {
              unlink(directory, child);
            }
          }
        }
        top.deleteDirectory(name);
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
      // Somebody else removed it, which is what was wanted.
    }
  }

  /** A directory without write permission keeps even its owner, unless root, from emptying it. */
  private static void makeWritable(PosixFileAttributeView view) throws IOException {
    var permissions = view.readAttributes().permissions();
    if (!permissions.containsAll(DurableFiles.OWNER_ONLY)) {
      view.setPermissions(DurableFiles.OWNER_ONLY);
    }
  }
}
