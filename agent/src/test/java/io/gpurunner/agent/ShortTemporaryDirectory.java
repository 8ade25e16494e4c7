package io.gpurunner.agent;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.extension.AnnotatedElementContext;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.io.TempDirFactory;

/** Creates directories on a disk with short names: a socket's path has at most 107 characters. */
public final class ShortTemporaryDirectory implements TempDirFactory {
  @Override
  public Path createTempDirectory(AnnotatedElementContext element, ExtensionContext extension)
      throws java.io.IOException {
    return Files.createTempDirectory(Path.of("/var/tmp"), "gpr");
  }
}
