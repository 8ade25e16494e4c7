package io.gpurunner.agent.cli.job;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpurunner.agent.cli.client.ApiClient;
import io.gpurunner.agent.cli.client.CommandFailedException;
import io.gpurunner.agent.cli.client.ExitStatus;
import io.gpurunner.agent.cli.client.Json;
import io.gpurunner.agent.cli.terminal.Plain;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/** Chooses the type of GPU that a user means, among those of the machine. */
final class GpuChoice {
  private GpuChoice() {}

  /**
   * Returns the type.
   *
   * @param wanted a part of its name; if empty, the machine must have only one type
   * @throws CommandFailedException if no type is meant, or several
   */
  static String type(ApiClient agent, Optional<String> wanted) {
    List<JsonNode> types = agent.get("/api/userJob/getGpuType").json().valueStream().toList();
    if (types.isEmpty()) {
      throw refused("--gpus: this machine has no GPUs; run without: --gpus 0", List.of());
    }
    List<String> meant =
        types.stream()
            .map(GpuChoice::name)
            .filter(
                name ->
                    wanted.map(part -> normalised(name).contains(normalised(part))).orElse(true))
            .toList();
    if (meant.size() == 1) {
      return meant.getFirst();
    }
    String part = wanted.map(Plain::line).orElse("");
    Optional<String> exact =
        meant.stream().filter(name -> normalised(name).equals(normalised(part))).findFirst();
    if (exact.isPresent()) {
      return exact.get();
    }
    if (wanted.isEmpty()) {
      throw refused("--type: this machine has several types of GPU; name a part of one:", types);
    }
    throw refused(
        meant.isEmpty()
            ? "--type: this machine has no GPU whose type contains " + part + "; it has:"
            : "--type: " + part + " is a part of several types; name more of one:",
        types);
  }

  private static CommandFailedException refused(String what, List<JsonNode> types) {
    return new CommandFailedException(
        ExitStatus.USAGE,
        what
            + types.stream()
                .map(
                    type ->
                        "%n  %s  (%d, %d free)"
                            .formatted(
                                Plain.line(name(type)),
                                Json.number(type, "gpuTotal").orElse(0),
                                Json.number(type, "gpuAllocatable").orElse(0)))
                .collect(Collectors.joining()));
  }

  private static String name(JsonNode type) {
    return Json.text(type, "gpuProd").orElse("?");
  }

  /** Returns a name in the form in which the agent compares it. */
  private static String normalised(String name) {
    return name.toLowerCase(Locale.ROOT).replaceAll("[\\s_-]", "");
  }
}
