package io.gpurunner.api;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;

/** Events that a test lets happen. Thread-safe. */
final class FakeEvents implements Events {
  final List<Consumer<MachineEvent>> listeners = new CopyOnWriteArrayList<>();

  @Override
  public Runnable listen(Consumer<MachineEvent> listener) {
    listeners.add(listener);
    return () -> listeners.remove(listener);
  }

  void happens(MachineEvent event) {
    listeners.forEach(listener -> listener.accept(event));
  }
}
