package io.gpurunner.agent.container.docker;

import io.gpurunner.agent.container.ContainerName;
import java.util.Map;
import java.util.Optional;

/**
 * The labels by which this agent knows its containers.
 *
 * @param instance value of {@link #INSTANCE}
 */
record OurLabels(String instance) {
  static final String JOB = "io.gpurunner.job";

  /** The label that names the agent: the random id in its state directory. */
  static final String INSTANCE = "io.gpurunner.instance";

  /** The label that names the engine that created the container: {@link EngineProcess#identity}. */
  static final String ENGINE = "io.gpurunner.engine";

  /** Returns the labels of a new container. */
  Map<String, String> of(ContainerName name, String engine) {
    return Map.of(JOB, name.job().value(), INSTANCE, instance, ENGINE, engine);
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
