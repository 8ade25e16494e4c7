package io.gpurunner.storage;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Optional;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * A directory of data sets or pre-trained models that jobs may mount read-only by name. Each entry,
 * a directory or a file, is one. Looked at anew at every call. Thread-safe.
 */
public final class Library {
  private final Path directory;

  /**
   * @param directory need not exist: the library is then empty
   */
  public Library(Path directory) {
    this.directory = directory;
  }

  /**
   * The names jobs may give, but for hidden ones and links that lead out of the library.
   *
   * @throws StorageException REFUSED where the directory is there and cannot be read
   */
  public SortedSet<String> names() {
    SortedSet<String> names = new TreeSet<>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
      for (Path entry : entries) {
        String name = entry.getFileName().toString();
        if (find(name).isPresent()) {
          names.add(name);
        }
      }
    } catch (NoSuchFileException missing) {
      return Collections.emptySortedSet();
    } catch (IOException failure) {
      throw DiskErrors.explain("cannot read the library " + directory, failure);
    }
    return Collections.unmodifiableSortedSet(names);
  }

  /**
   * Where the entry of exactly this name is, with all links resolved.
   *
   * @param name as a user gave it: unchecked
   */
  public Optional<Path> find(String name) {
    if (!isPlain(name)) {
      return Optional.empty();
    }
    try {
      Path library = directory.toRealPath();
      Path entry = library.resolve(name).toRealPath();
      boolean isInside = entry.startsWith(library) && !entry.equals(library);
      boolean isData = Files.isDirectory(entry) || Files.isRegularFile(entry);
      return isInside && isData ? Optional.of(entry) : Optional.empty();
    } catch (IOException | InvalidPathException unreachable) {
      // Not there, a link that leads nowhere or in circles, or not to be read: nothing to mount.
      return Optional.empty();
    }
  }

  private static boolean isPlain(String name) {
    return !name.isEmpty()
        && !name.startsWith(".")
        && name.indexOf('/') < 0
        && name.chars().noneMatch(Character::isISOControl);
  }
}
