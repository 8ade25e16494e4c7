package io.gpurunner.agent.simulation;

import java.time.Duration;
import java.util.function.BooleanSupplier;

/**
 * The points in a call of the agent at which others may come first, time may pass, or the agent may
 * die. One thread.
 */
final class Port {
  private final Simulation simulation;
  private final SimulatedAgent agent;

  Port(Simulation simulation, SimulatedAgent agent) {
    this.simulation = simulation;
    this.agent = agent;
  }

  /** Called between two steps: others may come first, time may pass, the agent may die. */
  void between(String what) {
    agent.requireAlive();
    if (simulation.dice.perTenThousand(simulation.weather.deaths)) {
      agent.die("killed at: " + what);
    }
    agent.requireAlive();
    if (simulation.dice.percent(simulation.weather.interleaved)) {
      simulation.timeline.interleave(simulation.dice.between(1, 3), agent::isDead);
    }
    agent.requireAlive();
    if (simulation.dice.percent(simulation.weather.slow)) {
      take(simulation.dice.micros(0, 15 * Timeline.SECOND));
    }
  }

  /** Lets time pass during the call. */
  void take(long micros) {
    simulation.timeline.pass(micros, agent::isDead);
    agent.requireAlive();
  }

  /** Lets the call hang until its time is up or it is cut off. */
  void hang(Duration limit, BooleanSupplier cutOff) {
    simulation.timeline.pass(Timeline.micros(limit), () -> agent.isDead() || cutOff.getAsBoolean());
    agent.requireAlive();
  }

  /** Returns whether this call hangs. */
  boolean hangs() {
    return fails(simulation.weather.hangs);
  }

  boolean fails(int percent) {
    boolean fails = simulation.dice.percent(percent);
    if (fails) {
      agent.metFault();
    }
    return fails;
  }
}
