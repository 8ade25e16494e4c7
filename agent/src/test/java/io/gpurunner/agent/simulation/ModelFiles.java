package io.gpurunner.agent.simulation;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * The model directories that jobs leave. The files are real, because the publisher reads them. They
 * are created once and never changed, so threads share them.
 */
final class ModelFiles {
  /** The number of kinds of model directories: with no file, with one, with two. */
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

  /** Returns the name of the artifact that clients fetch. */
  static Optional<String> artifact(int files) {
    return switch (files) {
      case 0 -> Optional.empty();
      case 1 -> Optional.of("model-0.bin");
      default -> Optional.of("data.zip");
    };
  }
}
