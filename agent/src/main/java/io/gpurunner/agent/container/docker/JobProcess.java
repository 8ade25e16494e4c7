package io.gpurunner.agent.container.docker;

import io.gpurunner.agent.container.ContainerSpec;
import io.gpurunner.agent.container.ContainerSpec.GpuAttachment;
import io.gpurunner.agent.container.HookVariables;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * The program of a container and its variables, as the engine is asked for them. In a container
 * with GPUs, the {@link HookVariables} of the job and of its image are set by the program {@code
 * env} of the image, and are not in the container's configuration.
 *
 * @param environment each as {@code NAME=value}, or as {@code NAME} alone: then the engine also
 *     leaves out what the image sets for it
 * @param command the whole command; empty for the image's own
 */
record JobProcess(List<String> environment, List<String> command) {
  private static final String ENV = "env";

  /**
   * @param environment all variables that the agent and the job set
   * @param image what the job's image sets; only looked at for a container with GPUs
   */
  static JobProcess of(ContainerSpec spec, Map<String, String> environment, ImageProcess image) {
    if (!(spec.gpus() instanceof GpuAttachment.Devices)) {
      return new JobProcess(assignments(environment).toList(), spec.command()); // no hook runs
    }
    Map<String, String> kept = new TreeMap<>(environment);
    kept.keySet().removeIf(HookVariables::isOne);
    Map<String, String> moved = new LinkedHashMap<>(hookVariablesOf(image));
    Set<String> unset = new TreeSet<>(HookVariables.names());
    unset.addAll(moved.keySet());
    environment.forEach(
        (name, value) -> {
          if (HookVariables.isOne(name)) {
            moved.put(name, value);
          }
        });
    return new JobProcess(
        Stream.concat(assignments(kept), unset.stream()).toList(),
        withVariables(moved, spec.command(), image));
  }

  private static Map<String, String> hookVariablesOf(ImageProcess image) {
    Map<String, String> found = new LinkedHashMap<>();
    for (String assignment : image.environment()) {
      int end = assignment.indexOf('=');
      String name = end < 0 ? assignment : assignment.substring(0, end);
      if (HookVariables.isOne(name)) {
        found.put(name, end < 0 ? "" : assignment.substring(end + 1));
      }
    }
    return found;
  }

  /** Puts {@code env} before the command, if there is a variable to set and a command. */
  private static List<String> withVariables(
      Map<String, String> variables, List<String> command, ImageProcess image) {
    List<String> whole =
        command.isEmpty()
            ? Stream.concat(image.entrypoint().stream(), image.command().stream()).toList()
            : command;
    if (variables.isEmpty() || whole.isEmpty()) {
      return command;
    }
    List<String> words = new ArrayList<>();
    words.add(ENV);
    assignments(variables).forEach(words::add);
    words.addAll(whole);
    return List.copyOf(words);
  }

  private static Stream<String> assignments(Map<String, String> variables) {
    return variables.entrySet().stream().map(entry -> entry.getKey() + "=" + entry.getValue());
  }
}
