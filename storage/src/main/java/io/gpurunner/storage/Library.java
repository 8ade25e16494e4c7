package io.gpurunner.storage;

import io.gpurunner.storage.StorageException.Kind;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicReference;

/**
 * A directory of data sets or pretrained models that jobs may mount read-only by name. Each entry,
 * a directory or a file, is one of them. Every call looks at the directory again, within a limited
 * time, because it is often a network mount. Thread-safe.
 */
public final class Library {
  /** The largest number of entries that are read to name some of them in a message. */
  static final int READ_LIMIT = 10_000;

  /** The system's words for a name that leads to nothing. */
  private static final Set<String> ABSENT =
      Set.of("Not a directory", "File name too long", "Invalid argument");

  private final String setting;
  private final Path directory;
  private final Lookups lookups;
  private final LibraryAccess access;
  private final Set<String> closed;
  private final AtomicReference<Optional<String>> warning;

  /**
   * The names that a message shows.
   *
   * @param names in order
   * @param more whether there are others
   */
  public record Names(List<String> names, boolean more) {}

  /**
   * @param setting the key of the configuration that names the directory, for messages to users
   * @param directory if it does not exist, the library is empty
   */
  public Library(String setting, Path directory) {
    this(setting, directory, LibraryAccess.OPEN);
  }

  /**
   * @param access which users may mount which entries; this object shows what everybody may mount
   */
  public Library(String setting, Path directory, LibraryAccess access) {
    this(
        setting,
        directory,
        new Lookups(setting, "the library " + setting),
        access,
        access.closed(),
        new AtomicReference<>(Optional.empty()));
  }

  Library(String setting, Path directory, Lookups lookups) {
    this(
        setting,
        directory,
        lookups,
        LibraryAccess.OPEN,
        Set.of(),
        new AtomicReference<>(Optional.empty()));
  }

  private Library(
      String setting,
      Path directory,
      Lookups lookups,
      LibraryAccess access,
      Set<String> closed,
      AtomicReference<Optional<String>> warning) {
    this.setting = setting;
    this.directory = directory;
    this.lookups = lookups;
    this.access = access;
    this.closed = closed;
    this.warning = warning;
  }

  /** Returns the library with the entries that a user may mount. For him there are no others. */
  public Library asSeenBy(String user) {
    return new Library(setting, directory, lookups, access, access.closedTo(user), warning);
  }

  /**
   * Returns what is wrong with a directory that was looked at for an entry. The engine finds the
   * entry again by its path when it mounts it. Who can rename an entry meanwhile decides what is
   * mounted. Never blocks.
   */
  public Optional<String> warning() {
    return warning.get();
  }

  /**
   * Returns the first names that jobs may give, without hidden ones and without links that lead out
   * of the library.
   *
   * @throws StorageException UNAVAILABLE if the directory does not answer or cannot be read
   */
  public Names first(int count) {
    return lookups.look(() -> firstNow(count));
  }

  private Names firstNow(int count) {
    TreeSet<String> read = new TreeSet<>();
    boolean more;
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
      Iterator<Path> left = entries.iterator();
      while (read.size() < READ_LIMIT && left.hasNext()) {
        read.add(left.next().getFileName().toString());
      }
      more = left.hasNext();
    } catch (NoSuchFileException missing) {
      return new Names(List.of(), false);
    } catch (DirectoryIteratorException failed) {
      throw unreadable(Objects.requireNonNull(failed.getCause()));
    } catch (IOException failure) {
      throw unreadable(failure);
    }
    List<String> names = new ArrayList<>();
    for (String name : read) {
      if (findNow(name).isPresent()) {
        if (names.size() == count) {
          return new Names(List.copyOf(names), true);
        }
        names.add(name);
      }
    }
    return new Names(List.copyOf(names), more);
  }

  /**
   * Returns the path of the entry with exactly this name, with all links resolved.
   *
   * @param name as a user gave it: unchecked
   * @throws StorageException UNAVAILABLE if the directory does not answer or cannot be read
   */
  public Optional<Path> find(String name) {
    return isPlain(name) ? lookups.look(() -> findNow(name)) : Optional.empty();
  }

  /**
   * Returns whether an entry holds a directory, with no link on the way, so that another one can be
   * mounted on it.
   *
   * @param inside the path of the directory in the entry
   * @throws StorageException UNAVAILABLE if the directory does not answer or cannot be read
   */
  public boolean hasDirectory(String name, String inside) {
    return lookups.look(() -> hasDirectoryNow(name, inside));
  }

  private boolean hasDirectoryNow(String name, String inside) {
    Optional<Path> entry = findNow(name);
    if (entry.isEmpty()) {
      return false;
    }
    Path wanted = entry.get().resolve(inside);
    try {
      return wanted.toRealPath().equals(wanted)
          && Files.isDirectory(wanted, LinkOption.NOFOLLOW_LINKS);
    } catch (NoSuchFileException | AccessDeniedException | InvalidPathException nothing) {
      return false;
    } catch (IOException failure) {
      if (isAbsence(failure)) {
        return false;
      }
      throw unreadable(failure);
    }
  }

  private Optional<Path> findNow(String name) {
    if (!isPlain(name)) {
      return Optional.empty();
    }
    try {
      Path library = directory.toRealPath();
      Path entry = library.resolve(name).toRealPath();
      boolean isInside = entry.startsWith(library) && !entry.equals(library);
      if (!isInside || !isData(entry) || touchesClosed(library, entry)) {
        return Optional.empty();
      }
      warning.set(
          DirectoryWriters.firstOpenAbove(entry, library)
              .map(
                  open ->
                      "%s: others than root may rename what is in %s, and so have any directory of this machine mounted into a job; run: chown root %s; chmod go-w %s"
                          .formatted(setting, open, open, open)));
      return Optional.of(entry);
    } catch (NoSuchFileException | AccessDeniedException | InvalidPathException nothing) {
      // It is not there, is a link that leads nowhere, or cannot be read. There is nothing to
      // mount.
      return Optional.empty();
    } catch (IOException failure) {
      if (isAbsence(failure)) {
        return Optional.empty();
      }
      throw unreadable(failure);
    }
  }

  /**
   * Returns whether a path is that of a closed entry, or above it, or in it. Paths without links
   * are compared, so another name of the entry does not help.
   */
  private boolean touchesClosed(Path library, Path entry) throws IOException {
    for (String name : closed) {
      Path secret = library.resolve(name);
      try {
        secret = secret.toRealPath();
      } catch (NoSuchFileException absent) {
        // If it comes, it has this path.
      }
      if (entry.startsWith(secret) || secret.startsWith(entry)) {
        return true;
      }
    }
    return false;
  }

  private static boolean isData(Path entry) throws IOException {
    BasicFileAttributes attributes = Files.readAttributes(entry, BasicFileAttributes.class);
    return attributes.isDirectory() || attributes.isRegularFile();
  }

  /**
   * Returns whether there is no such entry. Only the system's words tell links in a circle from a
   * disk that fails.
   */
  private static boolean isAbsence(IOException failure) {
    return failure instanceof FileSystemException told
        && told.getReason() != null
        && (ABSENT.contains(told.getReason())
            || told.getReason().startsWith("Too many levels of symbolic links"));
  }

  private StorageException unreadable(IOException failure) {
    String reason =
        failure instanceof FileSystemException
            ? FileFault.reason(failure)
            : failure.getClass().getSimpleName(); // other messages may name the host's path
    return new StorageException(
        Kind.UNAVAILABLE,
        "the library %s cannot be read: %s; try again later, and tell the administrator if that lasts"
            .formatted(setting, reason),
        failure);
  }

  /** Whether this can be a name, {@code owner/name} included, that hides nothing and leads on. */
  private static boolean isPlain(String name) {
    String[] parts = name.split("/", -1);
    return parts.length <= 2
        && Arrays.stream(parts).noneMatch(part -> part.isEmpty() || part.startsWith("."))
        && name.chars().noneMatch(Character::isISOControl);
  }
}
