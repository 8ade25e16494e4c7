package io.gpurunner.agent.container.docker;

import io.gpurunner.agent.container.ContainerSpec;
import java.util.HashMap;
import java.util.Map;

/**
 * The labels by which this agent knows its containers.
 *
 * @param stateLabel value of {@link #STATE_DIRECTORY}
 */
record OurLabels(String stateLabel) {
  static final String JOB = "io.gpurunner.job";
  static final String STATE_DIRECTORY = "io.gpurunner.state-dir";

  /** The labels of a new container; ours cannot be replaced by the caller's. */
  Map<String, String> of(ContainerSpec spec) {
    Map<String, String> labels = new HashMap<>(spec.labels());
    labels.put(JOB, spec.name().job().value());
    labels.put(STATE_DIRECTORY, stateLabel);
    return Map.copyOf(labels);
  }

  /** What the engine's lists and events are filtered by. */
  Map<String, String> filter() {
    return Map.of(STATE_DIRECTORY, stateLabel);
  }

  boolean areOn(Map<String, String> labels) {
    return stateLabel.equals(labels.get(STATE_DIRECTORY));
  }
}
