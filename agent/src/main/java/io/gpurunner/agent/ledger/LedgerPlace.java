package io.gpurunner.agent.ledger;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.h2.message.DbException;
import org.h2.store.fs.FilePath;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where a ledger is: the names of its database and of the files beside it. All are reached through
 * H2's file systems, so that a test can put a disk of its own under the whole ledger.
 *
 * @param scheme of H2's file system
 * @param database absolute path of the database without H2's suffix {@code .mv.db}
 */
record LedgerPlace(String scheme, Path database) {
  static final String SUFFIX = ".mv.db";
  private static final String DISK = "file:";

  private static final Logger log = LoggerFactory.getLogger(LedgerPlace.class);

  /** On this machine's disks. */
  static LedgerPlace onDisk(Path database) {
    return new LedgerPlace(DISK, database.toAbsolutePath());
  }

  /**
   * A database by the name of its file, which need not end as those of H2 do.
   *
   * @param name absolute, of the file without H2's suffix; with the scheme or without
   */
  static LedgerPlace named(String scheme, String name) {
    return new LedgerPlace(
        scheme, Path.of(name.startsWith(scheme) ? name.substring(scheme.length()) : name));
  }

  /** What is next to this database, under another name. */
  private LedgerPlace sibling(String name) {
    return new LedgerPlace(scheme, database.resolveSibling(name));
  }

  private FilePath beside(String ending) {
    return FilePath.get(scheme + database + ending);
  }

  FilePath file() {
    return beside(SUFFIX);
  }

  /** As H2 opens the database. */
  String url() {
    // Closing is ours alone: H2 itself would close the file under a commit at exit. Chunks are only
    // ever appended: those put into gaps may not be found after a kill. And only our commits write:
    // where H2's own thread, which writes WRITE_DELAY ms after a change, writes just before one,
    // the
    // file may lack a chunk it needs ("Chunk not found") until the next (docs/adr/002).
    return "jdbc:h2:"
        + SealedFiles.over(scheme + database)
        + ";DB_CLOSE_ON_EXIT=FALSE;REUSE_SPACE=FALSE;AUTO_COMPACT_FILL_RATE=0;TRACE_LEVEL_FILE=0"
        + ";WRITE_DELAY="
        + Integer.MAX_VALUE;
  }

  /** For people: the path of the database's file. */
  Path path() {
    return Path.of(database + SUFFIX);
  }

  /** A database that is being made, to be put in this one's place. */
  LedgerPlace next() {
    return sibling(database.getFileName() + ".next");
  }

  FilePath journal() {
    return beside(".journal");
  }

  FilePath witness() {
    return beside(".witness");
  }

  FilePath reserve() {
    return beside(".reserve");
  }

  FilePath lock() {
    return beside(".lock");
  }

  /** Beside the database: a directory for each job (JobVolumes). */
  FilePath jobs() {
    return FilePath.get(scheme + jobsPath());
  }

  Path jobsPath() {
    return database.resolveSibling("jobs");
  }

  /** Copies that the agent makes by itself. */
  Path backupsPath() {
    return database.resolveSibling("backups");
  }

  FilePath backups() {
    return FilePath.get(scheme + backupsPath());
  }

  /** Makes a directory for its owner alone, unless there is one. */
  void makePrivateDirectory(FilePath directory) throws IOException {
    if (directory.exists()) {
      return;
    }
    try {
      directory.createDirectory();
    } catch (DbException e) {
      throw new IOException(e.getMessage(), e);
    }
    setMode(directory, "rwx------");
  }

  private void setMode(FilePath file, String mode) throws IOException {
    if (scheme.equals(DISK)) {
      Files.setPosixFilePermissions(
          Path.of(file.toString()), PosixFilePermissions.fromString(mode));
    }
  }

  void makePrivate() throws IOException {
    setMode(file(), "rw-------");
  }

  /**
   * Keeps the file that another is about to replace, and its journal, under names of their own;
   * returns once they are on disk.
   */
  void keepReplaced(String time) throws IOException {
    if (scheme.equals(DISK)) {
      String name = database + ".replaced-" + time;
      // Second names, so that there is a ledger at every instant, and a disk that cannot read them
      // any more is no hindrance.
      Files.createLink(Path.of(name + SUFFIX), path());
      if (journal().exists()) {
        Files.createLink(Path.of(name + ".journal"), Path.of(journal().toString()));
      }
      try (FileChannel directory = FilePath.get(name).getParent().open("r")) {
        directory.force(true);
      }
    }
  }

  /** What is free on the disk; as much as one likes where it is none of this machine's. */
  long freeBytes() throws IOException {
    return scheme.equals(DISK)
        ? Files.getFileStore(database.resolveSibling(".")).getUsableSpace()
        : Long.MAX_VALUE;
  }

  boolean isAbsent() {
    return !file().exists();
  }

  long bytes() {
    return file().size();
  }

  /** Puts a database, which is closed, in the place of this one; returns once that is on disk. */
  void replaceBy(LedgerPlace other) throws IOException {
    other.syncWhole();
    unsynced().set(); // until the new name is on disk
    move(other.file(), file());
    unsynced().clear();
  }

  /** Returns once the new name is on disk. */
  void move(FilePath from, FilePath to) throws IOException {
    try {
      from.moveTo(to, true);
    } catch (DbException e) {
      throw new IOException(e.getMessage(), e);
    }
    try (FileChannel directory = to.getParent().open("r")) {
      directory.force(true);
    }
  }

  /** Gives this database, which is closed, another name; returns once that is on disk. */
  void moveTo(FilePath name) throws IOException {
    syncWhole();
    move(file(), name);
  }

  private void syncWhole() throws IOException {
    sync();
    if (mayLackOnDisk()) {
      throw new IOException(file() + " could not be written to disk whole");
    }
  }

  void delete() throws IOException {
    delete(file());
    unsynced().clear();
  }

  private UnsyncedMark unsynced() {
    return UnsyncedMark.of(file());
  }

  /** Whether the database, as it can be read, may not be on disk, though a sync of it passes. */
  boolean mayLackOnDisk() {
    return !isAbsent() && unsynced().isSet();
  }

  /** Also of what another process wrote: returns once the database is on disk. */
  void sync() throws IOException {
    sync(FilePath.get(SealedFiles.over(scheme + database + SUFFIX)));
  }

  static void delete(FilePath file) throws IOException {
    try {
      if (file.exists()) {
        file.delete();
      }
    } catch (DbException e) {
      throw new IOException(e.getMessage(), e);
    }
  }

  /** Makes an empty file for its owner alone, unless there is one. */
  void makePrivate(FilePath file) throws IOException {
    if (file.createFile()) {
      setMode(file, "rw-------");
    }
  }

  /** Closes what was opened of a file; a failure is told, and no more. */
  static void close(FilePath file, FileChannel channel) {
    try {
      channel.close();
    } catch (IOException e) {
      log.warn("{} cannot be closed: {}", file, e.getMessage());
    }
  }

  private static void sync(FilePath file) throws IOException {
    try (FileChannel channel = file.open("rw")) {
      channel.force(true);
    }
  }

  static List<FilePath> entries(FilePath directory) throws IOException {
    try {
      return directory.isDirectory() ? directory.newDirectoryStream() : List.of();
    } catch (DbException | UncheckedIOException e) {
      throw new IOException(
          directory + " cannot be read: " + LedgerException.rootOf(e).getMessage(), e);
    }
  }
}
