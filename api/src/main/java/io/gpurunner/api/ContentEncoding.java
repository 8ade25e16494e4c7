package io.gpurunner.api;

import io.vertx.core.buffer.Buffer;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.zip.GZIPInputStream;

/** How a request's body is encoded on its way (RFC 9110, section 8.4): not at all, or by gzip. */
enum ContentEncoding {
  NONE,
  GZIP;

  /**
   * Reads the headers {@code Content-Encoding}.
   *
   * @throws RequestRefusedException UNSUPPORTED_ENCODING naming another encoding
   */
  static ContentEncoding of(List<String> headers) {
    String name = String.join(", ", headers).strip();
    return switch (name.toLowerCase(Locale.ROOT)) {
      case "", "identity" -> NONE;
      case "gzip", "x-gzip" -> GZIP;
      default ->
          throw new RequestRefusedException(
              RequestRefusedException.Kind.UNSUPPORTED_ENCODING,
              "Content-Encoding: must be gzip, or absent, was " + Shown.quoted(name));
    };
  }

  /**
   * Decodes a body.
   *
   * @throws RequestRefusedException TOO_LARGE where it is longer than a body may be; BAD_REQUEST
   *     where it is not so encoded
   */
  Buffer decode(Buffer body) {
    return switch (this) {
      case NONE -> body;
      case GZIP -> gunzip(body);
    };
  }

  private static Buffer gunzip(Buffer body) {
    byte[] bytes;
    try (GZIPInputStream in = new GZIPInputStream(new ByteArrayInputStream(body.getBytes()))) {
      bytes = in.readNBytes(ApiLimits.MAX_BODY_BYTES + 1);
    } catch (IOException e) {
      throw new RequestRefusedException(
          RequestRefusedException.Kind.BAD_REQUEST,
          "body: must be gzip as Content-Encoding says, was not, or was cut short");
    }
    if (bytes.length > ApiLimits.MAX_BODY_BYTES) {
      throw BodyReader.tooLarge();
    }
    return Buffer.buffer(bytes);
  }
}
