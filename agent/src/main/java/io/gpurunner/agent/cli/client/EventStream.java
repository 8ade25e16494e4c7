package io.gpurunner.agent.cli.client;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Reads server-sent events (WHATWG HTML, section 9.2). One thread uses it. */
public final class EventStream implements AutoCloseable {
  /** The longest data of one event, in characters. */
  static final int DATA_LIMIT = 4 << 20;

  private final BufferedReader lines;

  EventStream(InputStream in) {
    this.lines = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8));
  }

  /**
   * An event.
   *
   * @param id empty if the event has none of its own
   */
  public record Event(Optional<String> id, String kind, String data) {}

  /** Returns whether the next event has perhaps not arrived yet. */
  public boolean mayWait() throws IOException {
    return !lines.ready();
  }

  /**
   * Waits for the next event. It is empty at the end of the stream.
   *
   * @throws IOException if the connection breaks, or is silent for too long
   */
  public Optional<Event> next() throws IOException {
    Optional<String> id = Optional.empty();
    String kind = "message";
    StringBuilder data = new StringBuilder();
    boolean any = false;
    while (true) {
      @Nullable String line = lines.readLine();
      if (line == null) {
        return Optional.empty();
      }
      if (line.isEmpty() && any) {
        return Optional.of(new Event(id, kind, data.toString()));
      }
      if (line.isEmpty() || line.startsWith(":")) {
        continue;
      }
      String value = value(line);
      switch (line.substring(0, Math.max(line.indexOf(':'), 0))) {
        case "id" -> id = Optional.of(value);
        case "event" -> kind = value;
        case "data" -> {
          data.append(any ? "\n" : "").append(value);
          any = true;
          if (data.length() > DATA_LIMIT) {
            throw new IOException("an event is longer than " + DATA_LIMIT + " characters");
          }
        }
        default -> {
          // Unknown fields are ignored, as the standard says.
        }
      }
    }
  }

  private static String value(String line) {
    String value = line.substring(line.indexOf(':') + 1);
    return value.startsWith(" ") ? value.substring(1) : value;
  }

  @Override
  public void close() throws IOException {
    lines.close();
  }
}
