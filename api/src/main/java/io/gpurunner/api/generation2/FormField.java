package io.gpurunner.api.generation2;

import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.multipart.Attribute;
import io.netty.handler.codec.http.multipart.DefaultHttpDataFactory;
import io.netty.handler.codec.http.multipart.HttpPostRequestDecoder;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Optional;

/** A field of a body that is a form, as browsers and the cloud's SDK send it. Stateless. */
public final class FormField {
  private static final String URLENCODED = "application/x-www-form-urlencoded";
  private static final String MULTIPART = "multipart/form-data";

  private FormField() {}

  /** Returns whether a body of this {@code Content-Type} is a form. */
  public static boolean isForm(String contentType) {
    String type = contentType.strip().toLowerCase(Locale.ROOT);
    return type.startsWith(URLENCODED) || type.startsWith(MULTIPART);
  }

  /**
   * Returns the field's text; empty where the form has no such field, or is none.
   *
   * @param contentType one that {@link #isForm}
   */
  public static Optional<String> read(String contentType, byte[] body, String field) {
    DefaultFullHttpRequest form =
        new DefaultFullHttpRequest(
            HttpVersion.HTTP_1_1, HttpMethod.POST, "/", Unpooled.wrappedBuffer(body));
    form.headers().set(HttpHeaderNames.CONTENT_TYPE, contentType);
    try {
      // Everything stays in memory: a body is short.
      HttpPostRequestDecoder decoder =
          new HttpPostRequestDecoder(
              new DefaultHttpDataFactory(false), form, StandardCharsets.UTF_8);
      try {
        return decoder.getBodyHttpData(field) instanceof Attribute attribute
            ? Optional.of(attribute.getValue())
            : Optional.empty();
      } finally {
        decoder.destroy();
      }
    } catch (IOException
        | HttpPostRequestDecoder.ErrorDataDecoderException
        | HttpPostRequestDecoder.TooManyFormFieldsException
        | HttpPostRequestDecoder.TooLongFormFieldException
        | IllegalArgumentException noForm) {
      return Optional.empty();
    }
  }
}
