package io.gpurunner.storage;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.regex.Pattern;

/**
 * Makes file names safe to publish. A job writes any bytes but a slash and a zero. The result is
 * valid UTF-8, and no terminal or unpacker on any system takes it for more than a name. What is not
 * safe is written as {@code %XX}, byte by byte.
 */
final class ArtifactNames {
  private static final HexFormat HEX = HexFormat.of().withUpperCase();

  /** {@code C:} at the front, which is a drive on Windows. */
  private static final Pattern DRIVE = Pattern.compile("^([A-Za-z]):");

  private ArtifactNames() {}

  /**
   * Returns the published form of a path below the model directory, with slashes. Equal paths give
   * equal text.
   */
  static String readable(Path relative) {
    StringBuilder text = new StringBuilder();
    for (Path segment : relative) {
      text.append(text.isEmpty() ? "" : "/").append(segment(segment));
    }
    return DRIVE.matcher(text).replaceFirst("$1%3A");
  }

  /** Returns whether an object can have the file's own name. */
  static boolean isPlain(Path name) {
    byte[] raw = rawBytes(name);
    String text = new String(raw, StandardCharsets.UTF_8);
    return raw.length <= 255 && readable(name).equals(text);
  }

  private static String segment(Path name) {
    byte[] raw = rawBytes(name);
    StringBuilder text = new StringBuilder();
    int at = 0;
    while (at < raw.length) {
      int length = characterLength(raw, at);
      String character = new String(raw, at, length, StandardCharsets.UTF_8);
      if (isSafe(raw, at, length, character)) {
        text.append(character);
      } else {
        for (int i = at; i < at + length; i++) {
          text.append('%').append(HEX.toHexDigits(raw[i]));
        }
      }
      at += length;
    }
    return text.toString();
  }

  private static boolean isSafe(byte[] raw, int at, int length, String character) {
    if (length == 1 && raw[at] < 0) {
      return false; // it is not UTF-8
    }
    return switch (Character.getType(character.codePointAt(0))) {
      // FORMAT holds the marks that turn text around: with them exe.txt reads txt.exe.
      case Character.CONTROL,
          Character.FORMAT,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR,
          Character.SURROGATE ->
          false;
      default -> !character.equals("\\");
    };
  }

  /** Returns the length of the valid UTF-8 character that starts here, or 1 if none starts here. */
  private static int characterLength(byte[] raw, int at) {
    int lead = raw[at] & 0xff;
    int length = lead < 0xc2 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (length == 1 || at + length > raw.length) {
      return 1;
    }
    try {
      StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(raw, at, length));
      return length;
    } catch (CharacterCodingException invalid) {
      return 1;
    }
  }

  /**
   * Returns the bytes of the name in the file system. The JDK keeps them in any locale, but shows
   * them only percent-encoded in a path's URI.
   */
  private static byte[] rawBytes(Path name) {
    // The directory cannot exist, so nothing is looked up under the name itself.
    String uri = Path.of("/dev/null/x").resolve(name).toUri().getRawPath();
    String encoded = uri.substring("/dev/null/x/".length());
    byte[] bytes = new byte[encoded.length()];
    int count = 0;
    for (int at = 0; at < encoded.length(); at++) {
      if (encoded.charAt(at) == '%') {
        bytes[count++] = (byte) HexFormat.fromHexDigits(encoded, at + 1, at + 3);
        at += 2;
      } else {
        bytes[count++] = (byte) encoded.charAt(at);
      }
    }
    return java.util.Arrays.copyOf(bytes, count);
  }
}
