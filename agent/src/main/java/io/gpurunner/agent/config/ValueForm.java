package io.gpurunner.agent.config;

/**
 * The form of one kind of value.
 *
 * @param accepted what is accepted, for the message: {@code a whole number from 1 to 65535}
 * @param reader turns the file's text into the value, or throws {@link IllegalArgumentException}
 */
record ValueForm<T>(String accepted, Reader<T> reader) {
  /** Turns text into a value. */
  @FunctionalInterface
  interface Reader<T> {
    /**
     * @throws IllegalArgumentException for text that is not accepted
     */
    T read(String text);
  }
}
