package io.gpurunner.agent.cli.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.cli.client.EventStream.Event;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class EventStreamTest {
  private static EventStream stream(String text) {
    return new EventStream(new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)));
  }

  @Test
  void readsEventsAndPassesCommentsAndUnknownFieldsBy() throws IOException {
    EventStream events =
        stream(
            """
            : hello

            id: 1:7
            event: log
            retry: 5
            data: {"text":
            data:"用"}

            data

            event: unfinished
            data: x
            """);
    assertThat(events.next()).contains(new Event(Optional.of("1:7"), "log", "{\"text\":\n\"用\"}"));
    assertThat(events.next()).isEmpty();
  }

  @Test
  void anEventThatIsTooLongIsRefused() {
    String half = "data: " + "x".repeat(EventStream.DATA_LIMIT / 2 + 1) + "\n";
    assertThatThrownBy(() -> stream(half + half + "\n").next())
        .isInstanceOf(IOException.class)
        .hasMessageContaining("longer than");
  }
}
