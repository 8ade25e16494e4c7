package io.gpurunner.agent.config;

import java.util.function.Function;

/**
 * The form of one kind of value.
 *
 * @param accepted what is accepted, for the message: {@code a whole number from 1 to 65535}
 * @param reader turns the file's text into the value, or throws {@link IllegalArgumentException}
 * @param writer turns the value into YAML that reads back to the same value
 */
record ValueForm<T>(String accepted, Reader<T> reader, Function<T, String> writer) {
  /** The form of a value that is written in quotes. */
  static <T> ValueForm<T> quoted(String accepted, Reader<T> reader) {
    return new ValueForm<>(accepted, reader, ValueForm::quote);
  }

  private static String quote(Object value) {
    return '"' + value.toString().replace("\\", "\\\\").replace("\"", "\\\"") + '"';
  }

  /** Turns text into a value. */
  @FunctionalInterface
  interface Reader<T> {
    /**
     * @throws IllegalArgumentException for text that is not accepted
     */
    T read(String text);
  }
}
