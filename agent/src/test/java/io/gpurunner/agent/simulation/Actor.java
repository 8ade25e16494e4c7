package io.gpurunner.agent.simulation;

import java.util.OptionalLong;

/** Somebody who acts now and then: a loop of the agent, a user, a part of the world. */
final class Actor {
  final String name;

  /** Whether this actor dies with the agent. */
  final boolean ofAgent;

  final Turn turn;
  long nextAt;
  boolean running;
  boolean rung;

  /** One turn. */
  interface Turn {
    /** Returns the microseconds until the next turn. It is empty if there is no next turn. */
    OptionalLong make();
  }

  Actor(String name, boolean ofAgent, long nextAt, Turn turn) {
    this.name = name;
    this.ofAgent = ofAgent;
    this.nextAt = nextAt;
    this.turn = turn;
  }
}
