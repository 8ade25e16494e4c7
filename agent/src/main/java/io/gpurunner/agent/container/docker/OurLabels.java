package io.gpurunner.agent.container.docker;

import io.gpurunner.agent.container.ContainerSpec;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The labels by which this agent knows its containers.
 *
 * @param instance value of {@link #INSTANCE}
 */
record OurLabels(String instance) {
  static final String JOB = "io.gpurunner.job";

  /** The label with the agent that created the container: the random id in its state directory. */
  static final String INSTANCE = "io.gpurunner.instance";

  /** The label with the engine that created the container: {@link EngineProcess#identity}. */
  static final String ENGINE = "io.gpurunner.engine";

  /** Returns the labels of a new container. The agent's labels replace the caller's. */
  Map<String, String> of(ContainerSpec spec, String engine) {
    Map<String, String> labels = new HashMap<>(spec.labels());
    labels.put(JOB, spec.name().job().value());
    labels.put(INSTANCE, instance);
    labels.put(ENGINE, engine);
    return Map.copyOf(labels);
  }

  /** Returns the filter for the engine's lists and events. */
  Map<String, String> filter() {
    return Map.of(INSTANCE, instance);
  }

  boolean areOn(Map<String, String> labels) {
    return instance.equals(labels.get(INSTANCE));
  }

  /**
   * Returns the engine that created a container. It is empty if an older version of the agent
   * created it.
   */
  static Optional<String> engineOf(Map<String, String> labels) {
    return Optional.ofNullable(labels.get(ENGINE));
  }
}
