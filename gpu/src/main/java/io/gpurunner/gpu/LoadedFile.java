package io.gpurunner.gpu;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The file from which a library of this process was loaded.
 *
 * @param path its own path, not that of a link; null if it is not known
 * @param key tells it from another file that has taken its place
 */
record LoadedFile(@Nullable Path path, @Nullable Object key) {
  /** Lists what is mapped into this process: proc_pid_maps(5). */
  private static final Path MAPS = Path.of("/proc/self/maps");

  /**
   * Finds the file of a library that was just loaded.
   *
   * @param name the name by which it was loaded: a path, or a file name for the dynamic linker
   */
  static LoadedFile of(String name) {
    try {
      Optional<Path> found =
          name.startsWith("/") ? Optional.of(Path.of(name).toRealPath()) : mapped(name);
      if (found.isPresent()) {
        return new LoadedFile(found.get(), keyOf(found.get()));
      }
    } catch (IOException unreadable) {
      // Nothing is known of it.
    }
    return new LoadedFile(null, null);
  }

  /** Finds the mapped file by its name without the version: libnvidia-ml.so.535.154.05. */
  private static Optional<Path> mapped(String name) throws IOException {
    int version = name.indexOf(".so");
    String stem = version < 0 ? name : name.substring(0, version) + ".so";
    try (Stream<String> lines = Files.lines(MAPS)) {
      return lines
          .filter(line -> line.indexOf('/') >= 0)
          .map(line -> Path.of(line.substring(line.indexOf('/'))))
          .filter(path -> path.getFileName().toString().startsWith(stem))
          .findFirst();
    }
  }

  private static @Nullable Object keyOf(Path path) throws IOException {
    return Files.readAttributes(path, BasicFileAttributes.class).fileKey();
  }

  /** Returns whether the file was replaced or removed. */
  boolean wasReplaced() {
    if (path == null) {
      return false;
    }
    try {
      return !Objects.equals(key, keyOf(path));
    } catch (IOException removed) {
      return true;
    }
  }
}
