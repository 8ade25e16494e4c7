package io.gpurunner.agent.auth;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipal;
import java.util.Set;
import java.util.UUID;

/**
 * Writes files that only the agent's account reads. A file is written whole or not at all, even if
 * the machine crashes or several processes write at once. A file belongs to the owner of its
 * directory, because root may issue a token before the service was ever started under its own
 * account.
 */
public final class PrivateFiles {
  private static final FileAttribute<Set<PosixFilePermission>> FILE_MODE =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));
  private static final FileAttribute<Set<PosixFilePermission>> DIRECTORY_MODE =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

  private PrivateFiles() {}

  /** Creates a directory, and the missing ones above it, with mode 0700. */
  static void createDirectories(Path directory) throws IOException {
    if (Files.isDirectory(directory)) {
      return;
    }
    Path parent = directory.toAbsolutePath().getParent();
    if (parent != null) {
      createDirectories(parent);
    }
    try {
      Files.createDirectory(directory, DIRECTORY_MODE);
    } catch (FileAlreadyExistsException another) {
      if (Files.isDirectory(directory)) {
        return; // Another process was quicker.
      }
      throw new NotDirectoryException(directory.toString());
    }
    inheritOwner(directory);
  }

  /**
   * Creates a file. It is on disk when this returns.
   *
   * @throws FileAlreadyExistsException if the file exists; it stays as it is
   */
  public static void createNew(Path file, byte[] content) throws IOException {
    Path directory = file.toAbsolutePath().getParent();
    if (directory == null) {
      throw new IOException("not the path of a file: " + file);
    }
    createDirectories(directory);
    Path draft = directory.resolve("." + file.getFileName() + "." + UUID.randomUUID());
    try {
      write(draft, content);
      inheritOwner(draft);
      // A link, unlike a rename, never replaces a file that another process has just created.
      Files.createLink(file, draft);
    } finally {
      Files.deleteIfExists(draft);
    }
    sync(directory);
  }

  private static void write(Path file, byte[] content) throws IOException {
    Set<StandardOpenOption> options =
        Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    try (FileChannel channel = FileChannel.open(file, options, FILE_MODE)) {
      ByteBuffer buffer = ByteBuffer.wrap(content);
      while (buffer.hasRemaining()) {
        channel.write(buffer);
      }
      channel.force(true);
    }
  }

  /** Syncs the directory, so that its new entry survives a power cut. */
  private static void sync(Path directory) throws IOException {
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }

  private static void inheritOwner(Path created) throws IOException {
    Path parent = created.toAbsolutePath().getParent();
    if (parent == null) {
      return;
    }
    UserPrincipal owner = Files.getOwner(parent);
    UserPrincipal self = Files.getOwner(created, LinkOption.NOFOLLOW_LINKS);
    // Only root can give files away. Other accounts keep the files that they create.
    if (!owner.equals(self) && self.getName().equals("root")) {
      Files.setOwner(created, owner);
    }
  }
}
