package io.gpurunner.api;

import java.util.function.Consumer;

/** Port: what happens on this machine, as it happens. The agent implements it. Thread-safe. */
public interface Events {
  /**
   * Calls the listener with every event from now on, in order. The listener must only pass the
   * event on, because the agent's own threads call it.
   *
   * @return ends that; it is run once
   */
  Runnable listen(Consumer<MachineEvent> listener);
}
