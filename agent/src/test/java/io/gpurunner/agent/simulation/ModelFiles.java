package io.gpurunner.agent.simulation;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Model directories as jobs leave them, made once: the publisher reads real files. Never changed,
 * so threads share them.
 */
final class ModelFiles {
  /** No file, one, two. */
  static final int SORTS = 3;

  private final List<Path> directories;

  private ModelFiles(List<Path> directories) {
    this.directories = directories;
  }

  static ModelFiles make(Path root) {
    return new ModelFiles(
        IntStream.range(0, SORTS).mapToObj(count -> directory(root, count)).toList());
  }

  private static Path directory(Path root, int files) {
    try {
      Path directory = Files.createDirectories(root.resolve("model-" + files));
      for (int i = 0; i < files; i++) {
        Files.writeString(directory.resolve("model-" + i + ".bin"), "weights " + i);
      }
      return directory;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  Path of(int files) {
    return directories.get(files);
  }

  /** What clients fetch of it. */
  static Optional<String> artifact(int files) {
    return switch (files) {
      case 0 -> Optional.empty();
      case 1 -> Optional.of("model-0.bin");
      default -> Optional.of("data.zip");
    };
  }
}
