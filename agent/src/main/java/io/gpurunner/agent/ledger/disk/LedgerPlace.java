package io.gpurunner.agent.ledger.disk;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.stream.Stream;
import org.h2.message.DbException;
import org.h2.store.fs.FilePath;

/**
 * The directory of a ledger, and the file operations in it. All files are reached through H2's file
 * systems, so that a test can put a disk of its own under the whole ledger. Only their owner can
 * read them.
 *
 * @param scheme the prefix of H2's file system
 * @param directory an absolute path
 */
public record LedgerPlace(String scheme, Path directory) {
  private static final String DISK = "file:";

  /** A directory on this machine's disks. */
  public static LedgerPlace onDisk(Path directory) {
    return new LedgerPlace(DISK, directory.toAbsolutePath());
  }

  /** A file in the directory. */
  FilePath file(String name) {
    return FilePath.get(scheme + directory + "/" + name);
  }

  /** A directory beside this one, in the agent's state directory. */
  LedgerPlace beside(String name) {
    return new LedgerPlace(scheme, directory.resolveSibling(name));
  }

  private FilePath itself() {
    return FilePath.get(scheme + directory);
  }

  /** Makes the directory where it is not there. */
  void make() throws IOException {
    FilePath made = itself();
    if (!made.exists()) {
      attempt(made::createDirectory);
      setMode(made, "rwx------");
      syncNames(made.getParent());
    }
  }

  boolean isOnDisk() {
    return scheme.equals(DISK);
  }

  /** Returns once the names of the files in it are on disk. */
  void syncNames() throws IOException {
    syncNames(itself());
  }

  /** The names of the files in it; none where it is not there. */
  List<String> names() throws IOException {
    FilePath read = itself();
    try {
      return read.isDirectory()
          ? read.newDirectoryStream().stream().map(FilePath::getName).toList()
          : List.of();
    } catch (DbException | UncheckedIOException e) {
      throw new IOException(directory + " cannot be read: " + rootOf(e).getMessage(), e);
    }
  }

  /** The bytes that are free on its disk; very many where it is no disk of this machine. */
  long freeBytes() throws IOException {
    return scheme.equals(DISK) ? Files.getFileStore(directory).getUsableSpace() : Long.MAX_VALUE;
  }

  /** Reads a whole file. */
  ByteBuffer read(FilePath file) throws IOException {
    try (FileChannel channel = file.open("r")) {
      ByteBuffer bytes = ByteBuffer.allocate(Math.toIntExact(channel.size()));
      while (bytes.hasRemaining() && channel.read(bytes, bytes.position()) > 0) {
        // until all is there
      }
      return bytes.flip();
    } catch (IOException e) {
      throw new IOException(file.getName() + " cannot be read: " + e.getMessage(), e);
    }
  }

  /** Makes an empty file; one of that name that is there goes. */
  FileChannel create(FilePath file) throws IOException {
    delete(file);
    attempt(file::createFile);
    setMode(file, "rw-------");
    return file.open("rw");
  }

  /** Writes all that remains, from a position of the file on. */
  static void write(FileChannel channel, ByteBuffer bytes, long position) throws IOException {
    long offset = position - bytes.position();
    while (bytes.hasRemaining()) {
      channel.write(bytes, offset + bytes.position());
    }
  }

  /**
   * Gives a file, which is synced, another name, in the place of what has it; returns once that is
   * on disk.
   */
  void rename(FilePath file, FilePath name) throws IOException {
    attempt(() -> file.moveTo(name, true));
    syncNames(itself());
  }

  private static void syncNames(FilePath directory) throws IOException {
    try (FileChannel channel = directory.open("r")) {
      channel.force(true);
    }
  }

  void delete(FilePath file) throws IOException {
    if (file.exists()) {
      attempt(file::delete);
    }
  }

  /** Deletes all files whose names begin and end so. */
  void deleteAll(String prefix, String suffix) throws IOException {
    for (String name : names()) {
      if (name.startsWith(prefix) && name.endsWith(suffix)) {
        delete(file(name));
      }
    }
  }

  private void setMode(FilePath file, String mode) throws IOException {
    if (scheme.equals(DISK)) {
      Files.setPosixFilePermissions(
          Path.of(file.toString()), PosixFilePermissions.fromString(mode));
    }
  }

  private static void attempt(Runnable change) throws IOException {
    try {
      change.run();
    } catch (DbException e) {
      throw new IOException(rootOf(e).getMessage(), e);
    }
  }

  /** The first cause of a failure. */
  static Throwable rootOf(Throwable e) {
    return Stream.iterate(e, cause -> cause != null, Throwable::getCause)
        .reduce(e, (_, last) -> last);
  }
}
