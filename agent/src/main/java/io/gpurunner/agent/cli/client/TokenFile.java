package io.gpurunner.agent.cli.client;

import io.gpurunner.storage.FileFault;
import io.gpurunner.storage.KeyFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.Set;

/** Reads a file with a user's token. Stateless. */
final class TokenFile {
  private static final Set<PosixFilePermission> FOR_OTHERS =
      Set.of(
          PosixFilePermission.GROUP_READ,
          PosixFilePermission.GROUP_WRITE,
          PosixFilePermission.OTHERS_READ,
          PosixFilePermission.OTHERS_WRITE);

  private TokenFile() {}

  /**
   * Returns the token.
   *
   * @throws CommandFailedException if the file cannot be read, or others can read it
   */
  static String read(Path file) {
    try {
      if (Files.getPosixFilePermissions(file).stream().anyMatch(FOR_OTHERS::contains)) {
        throw unusable(file, "others can read it; run: chmod 600 " + file);
      }
      return KeyFile.word(file)
          .orElseThrow(() -> unusable(file, "must hold one line with the token and nothing else"));
    } catch (IOException failure) {
      throw unusable(file, "cannot be read: " + FileFault.words(failure, file));
    }
  }

  private static CommandFailedException unusable(Path file, String why) {
    return new CommandFailedException(ExitStatus.USAGE, "token file " + file + ": " + why);
  }
}
