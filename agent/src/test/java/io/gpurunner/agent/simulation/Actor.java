package io.gpurunner.agent.simulation;

import java.util.OptionalLong;

/** Somebody who does something now and then: a loop of the agent, a user, a part of the world. */
final class Actor {
  final String name;

  /** Whether it dies with the agent. */
  final boolean ofAgent;

  final Turn turn;
  long nextAt;
  boolean running;
  boolean rung;

  /** One turn. */
  interface Turn {
    /** Returns after how many microseconds the next is; empty where there is none. */
    OptionalLong make();
  }

  Actor(String name, boolean ofAgent, long nextAt, Turn turn) {
    this.name = name;
    this.ofAgent = ofAgent;
    this.nextAt = nextAt;
    this.turn = turn;
  }
}
