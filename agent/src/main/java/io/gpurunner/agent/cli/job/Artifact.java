package io.gpurunner.agent.cli.job;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpurunner.agent.cli.client.Json;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A file that a job has published.
 *
 * @param bytes its size, if known
 * @param sha256 in hex, if known
 */
record Artifact(String name, OptionalLong bytes, Optional<String> sha256, String url) {
  static Artifact of(JsonNode json) {
    return new Artifact(
        Json.text(json, "name").orElse("?"),
        Json.number(json, "bytes"),
        Json.text(json, "sha256"),
        Json.text(json, "url").orElse(""));
  }

  /** Returns whether the name is that of a file in the directory itself. */
  boolean hasSafeName() {
    return !name.isEmpty()
        && !name.equals(".")
        && !name.equals("..")
        && name.chars().noneMatch(character -> character == '/' || character < ' ');
  }
}
