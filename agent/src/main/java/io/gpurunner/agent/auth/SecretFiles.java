package io.gpurunner.agent.auth;

import io.gpurunner.storage.FileFault;
import io.gpurunner.storage.KeyFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.Optional;
import java.util.Set;

/**
 * Reads and creates secret files. A file holds one line, and the bytes of that line are the key.
 * Processes that ask for the same secret at once get the same key. Stateless.
 */
public final class SecretFiles {
  private static final int RANDOM_BYTES = 64;

  /** HS512 wants a key at least as long as its output (RFC 7518, section 3.2). */
  private static final int MIN_KEY_BYTES = 64;

  private static final Set<PosixFilePermission> FOR_OTHERS =
      Set.of(
          PosixFilePermission.GROUP_READ,
          PosixFilePermission.GROUP_WRITE,
          PosixFilePermission.GROUP_EXECUTE,
          PosixFilePermission.OTHERS_READ,
          PosixFilePermission.OTHERS_WRITE,
          PosixFilePermission.OTHERS_EXECUTE);

  private SecretFiles() {}

  /**
   * Returns the key in a file. If there is no file, one is created with a random key and mode 0600.
   *
   * @throws AuthException naming the file, if it cannot be read or created, if others than its
   *     owner can read it, or if the key is too short
   */
  public static byte[] loadOrCreate(Path file) {
    try {
      if (Files.notExists(file)) {
        create(file);
      }
      return load(file);
    } catch (IOException failure) {
      throw new AuthException(
          "secret %s: cannot be read or created as %s: %s"
              .formatted(file, user(), FileFault.words(failure, file)),
          failure);
    }
  }

  /**
   * Checks what {@link #loadOrCreate} would refuse, and creates nothing. It does not check whether
   * an absent file could be created.
   *
   * @throws AuthException as {@link #loadOrCreate}
   */
  public static void check(Path file) {
    if (!Files.notExists(file)) {
      loadOrCreate(file);
    }
  }

  private static void create(Path file) throws IOException {
    byte[] random = new byte[RANDOM_BYTES];
    new SecureRandom().nextBytes(random);
    String line = Base64.getEncoder().encodeToString(random) + "\n";
    try {
      PrivateFiles.createNew(file, line.getBytes(StandardCharsets.US_ASCII));
    } catch (FileAlreadyExistsException another) {
      // Another process was quicker. Its secret counts.
    }
  }

  private static byte[] load(Path file) throws IOException {
    Set<PosixFilePermission> mode = Files.getPosixFilePermissions(file);
    if (mode.stream().anyMatch(FOR_OTHERS::contains)) {
      throw new AuthException(
          "secret " + file + ": others than its owner have access; run: chmod 600 " + file);
    }
    Optional<byte[]> key = KeyFile.line(file);
    return key.filter(bytes -> bytes.length >= MIN_KEY_BYTES)
        .orElseThrow(
            () ->
                new AuthException(
                    "secret %s: must hold %d to %d bytes, holds %s; create a new one with: head -c 64 /dev/urandom | base64 -w0 > %s"
                        .formatted(
                            file,
                            MIN_KEY_BYTES,
                            KeyFile.MAX_BYTES,
                            key.map(bytes -> Integer.toString(bytes.length)).orElse("more"),
                            file)));
  }

  private static String user() {
    return "user " + System.getProperty("user.name", "?");
  }
}
