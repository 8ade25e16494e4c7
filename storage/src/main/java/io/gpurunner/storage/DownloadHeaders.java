package io.gpurunner.storage;

import java.nio.charset.StandardCharsets;

/**
 * The headers with which an artifact is downloaded, so that every client saves it under its own
 * name. Both stores answer with them. Pure.
 *
 * @param contentType the media type
 * @param contentDisposition {@code attachment}, with the name
 */
public record DownloadHeaders(String contentType, String contentDisposition) {
  /** Returns the headers of a file. */
  public static DownloadHeaders of(String fileName) {
    return new DownloadHeaders(
        fileName.endsWith(".zip") ? "application/zip" : "application/octet-stream",
        attachment(fileName));
  }

  /**
   * Returns {@code attachment} with the name in ASCII and, for clients that read it, the exact name
   * (RFC 6266, RFC 8187).
   */
  private static String attachment(String name) {
    StringBuilder plain = new StringBuilder();
    name.codePoints()
        .forEach(character -> plain.append(isPlain(character) ? (char) character : '_'));
    StringBuilder exact = new StringBuilder();
    for (byte octet : name.getBytes(StandardCharsets.UTF_8)) {
      int value = octet & 0xff;
      if (isPlain(value) && value != ' ') {
        exact.append((char) value);
      } else {
        exact.append(String.format("%%%02X", value));
      }
    }
    return "attachment; filename=\"%s\"; filename*=UTF-8''%s".formatted(plain, exact);
  }

  private static boolean isPlain(int character) {
    return (character >= 'a' && character <= 'z')
        || (character >= 'A' && character <= 'Z')
        || (character >= '0' && character <= '9')
        || " ._-".indexOf(character) >= 0;
  }
}
