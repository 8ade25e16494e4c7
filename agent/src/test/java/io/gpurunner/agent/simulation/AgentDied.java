package io.gpurunner.agent.simulation;

/** Unwinds what the agent was doing when it died. Nothing of the agent may catch it and go on. */
final class AgentDied extends Error {
  private static final long serialVersionUID = 1L;

  AgentDied() {
    super("the agent died", null, false, false);
  }
}
