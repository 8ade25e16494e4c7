package io.gpurunner.agent;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.extension.AnnotatedElementContext;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.io.TempDirFactory;

/** Directories in which a socket's path, of 107 characters at most, finds room. On a disk. */
public final class ShortTemporaryDirectory implements TempDirFactory {
  @Override
  public Path createTempDirectory(AnnotatedElementContext element, ExtensionContext extension)
      throws java.io.IOException {
    return Files.createTempDirectory(Path.of("/var/tmp"), "gpr");
  }
}
