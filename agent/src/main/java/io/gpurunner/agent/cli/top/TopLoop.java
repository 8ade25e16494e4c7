package io.gpurunner.agent.cli.top;

import io.gpurunner.agent.cli.client.ApiClient;
import io.gpurunner.agent.cli.client.Surroundings;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * Draws until the user quits. Three threads take part: this one draws, one asks the agent, and one
 * reads the keys. The latter two end with the process.
 */
final class TopLoop {
  /** The times of a frame grow, and the terminal may have another size. */
  private static final Duration DRAW_PAUSE = Duration.ofSeconds(1);

  private static final int MOST_EVENTS = 256;
  private static final int KEY_BYTES = 256;

  /** The rest of a key's sequence comes within so long. */
  private static final Duration REST_OF_KEY = Duration.ofMillis(25);

  private final Terminal terminal;
  private final Surroundings around;
  private final boolean coloured;
  private final Feeder feeder;
  private final BlockingQueue<Event> events = new ArrayBlockingQueue<>(MOST_EVENTS);
  private State state;

  TopLoop(ApiClient agent, Terminal terminal, Surroundings around, boolean coloured) {
    this.terminal = terminal;
    this.around = around;
    this.coloured = coloured;
    this.feeder = new Feeder(agent, around.clock(), this::hear);
    this.state = State.first(agent.address().url());
  }

  /** Runs until the user quits. */
  void run() {
    Thread.ofPlatform().name("top-agent").daemon().start(feeder::run);
    Thread.ofPlatform().name("top-keys").daemon().start(this::readKeys);
    Size size = Terminal.size();
    while (true) {
      terminal.show(
          Frame.of(state, size, around.clock().instant().atZone(around.clock().getZone())),
          size,
          coloured);
      Optional<Event> event = next();
      if (event.isEmpty() || event.get() instanceof Event.Came) {
        size = Terminal.size();
      }
      if (event.isPresent() && isLast(event.get(), size)) {
        return;
      }
    }
  }

  private boolean isLast(Event event, Size size) {
    State.Step step = state.heard(event, size.rows());
    state = step.state();
    switch (step.action().orElse(new Action.Redraw())) {
      case Action.Quit _ -> {
        return true;
      }
      case Action.Redraw _ -> {
        if (step.action().isPresent()) {
          terminal.forget();
        }
      }
      case Action.Cancel order -> order(order, size);
      case Action.ReadLog order -> order(order, size);
      case Action.StopReading order -> order(order, size);
    }
    return around.console().rawOut().checkError();
  }

  /** Only this thread takes events, so it must not wait until there is room for its own. */
  private void order(Action action, Size size) {
    if (!feeder.order(action)) {
      Event busy = new Event.Said("the agent is still busy with your last orders; try again");
      state = state.heard(busy, size.rows()).state();
    }
  }

  private Optional<Event> next() {
    try {
      return Optional.ofNullable(events.poll(DRAW_PAUSE.toMillis(), TimeUnit.MILLISECONDS));
    } catch (InterruptedException impossible) {
      throw new IllegalStateException("nothing interrupts this thread", impossible);
    }
  }

  /** Waits if the drawing is behind. */
  private void hear(Event event) {
    try {
      events.put(event);
    } catch (InterruptedException impossible) {
      throw new IllegalStateException("nothing interrupts this thread", impossible);
    }
  }

  private void hear(List<Key> together) {
    together.forEach(key -> hear(new Event.Pressed(key, together.size() == 1)));
  }

  private void readKeys() {
    try (InputStream keys = Terminal.keys()) {
      KeyReader reader = new KeyReader();
      byte[] bytes = new byte[KEY_BYTES];
      int length = keys.read(bytes);
      while (length > 0) {
        hear(reader.read(Arrays.copyOf(bytes, length)));
        if (reader.isWaiting()) {
          around.pause().accept(REST_OF_KEY);
          if (keys.available() == 0) {
            hear(reader.give());
          }
        }
        length = keys.read(bytes);
      }
      hear(new Event.Ended());
    } catch (IOException gone) {
      hear(new Event.Ended());
    }
  }
}
