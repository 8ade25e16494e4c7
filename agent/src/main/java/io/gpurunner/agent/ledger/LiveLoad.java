package io.gpurunner.agent.ledger;

/**
 * What jobs that have not ended take of the agent's memory.
 *
 * @param jobs how many they are
 * @param requestBytes length of the bodies that asked for them
 */
public record LiveLoad(int jobs, long requestBytes) {
  static final LiveLoad NONE = new LiveLoad(0, 0);

  static LiveLoad ofOne(long requestBytes) {
    return new LiveLoad(1, requestBytes);
  }

  LiveLoad plus(LiveLoad other) {
    return new LiveLoad(jobs + other.jobs, requestBytes + other.requestBytes);
  }

  LiveLoad minus(LiveLoad other) {
    return new LiveLoad(jobs - other.jobs, requestBytes - other.requestBytes);
  }
}
