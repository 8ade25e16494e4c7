package io.gpurunner.storage;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;

/**
 * Reads key files: files with one line of text, the key. They hold the agent's own secrets and the
 * keys of an S3 store. Who may read such a file is for the caller to check. Stateless.
 */
public final class KeyFile {
  /** The largest key file. A longer file is not a key, but was named by mistake. */
  public static final int MAX_BYTES = 4096;

  /** What is wrong with a file that {@link #word} does not take, for messages. */
  public static final String NO_WORD = "must hold one line with the key and nothing else";

  private KeyFile() {}

  /** Returns the file's bytes without the end of the line. It is empty if the file is too large. */
  public static Optional<byte[]> line(Path file) throws IOException {
    byte[] content;
    try (InputStream in = Files.newInputStream(file)) {
      content = in.readNBytes(MAX_BYTES + 1);
    }
    if (content.length > MAX_BYTES) {
      return Optional.empty();
    }
    int end = content.length;
    while (end > 0 && (content[end - 1] == '\n' || content[end - 1] == '\r')) {
      end--;
    }
    return Optional.of(Arrays.copyOf(content, end));
  }

  /**
   * Returns the key in a file that holds nothing but printable ASCII without blanks. Blanks around
   * the key do not count. It is empty for any other file.
   */
  public static Optional<String> word(Path file) throws IOException {
    return line(file)
        .map(bytes -> new String(bytes, StandardCharsets.UTF_8).strip())
        .filter(text -> !text.isEmpty() && text.chars().allMatch(c -> c > ' ' && c < 0x7f));
  }
}
