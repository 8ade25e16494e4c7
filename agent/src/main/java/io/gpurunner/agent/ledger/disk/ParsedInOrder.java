package io.gpurunner.agent.ledger.disk;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * Parses values on all processors, and hands them on in the order in which they came. A start waits
 * for that. For one thread.
 */
final class ParsedInOrder<T> {
  private static final int VALUES_AT_A_TIME = 4096;

  private final Class<T> type;
  private final Consumer<T> taker;
  private final List<byte[]> jsons = new ArrayList<>();

  ParsedInOrder(Class<T> type, Consumer<T> taker) {
    this.type = type;
    this.taker = taker;
  }

  /**
   * Takes a value, which may be handed on now or at the {@link #end}.
   *
   * @throws IOException where one that came before cannot be read by this version
   */
  void add(byte[] json) throws IOException {
    jsons.add(json);
    if (jsons.size() >= VALUES_AT_A_TIME) {
      end();
    }
  }

  /** Hands on all that came. */
  void end() throws IOException {
    try {
      jsons.parallelStream().map(this::parse).toList().forEach(taker);
      jsons.clear();
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  private T parse(byte[] json) {
    try {
      return JobCodec.read(json, type);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
