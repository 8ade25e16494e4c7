package io.gpurunner.agent.cli.job;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpurunner.agent.cli.client.Json;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A file that a job has published.
 *
 * @param bytes its size, if known
 * @param sha256 in hex, if known
 */
record Artifact(String name, OptionalLong bytes, Optional<String> sha256, String url) {
  private static final String ZIP = "data.zip";
  private static final String MANIFEST = "manifest.json";

  /**
   * Reads a file of an answer.
   *
   * @param answer the whole answer, whose manifest knows the SHA-256 of a file that was published
   *     as it is
   */
  static Artifact of(JsonNode json, JsonNode answer) {
    String name = Json.text(json, "name").orElse("?");
    return new Artifact(
        name, Json.number(json, "bytes"), sha256(name, answer), Json.text(json, "url").orElse(""));
  }

  private static Optional<String> sha256(String name, JsonNode answer) {
    List<JsonNode> listed = Json.items(answer.path("manifest"), "files");
    return name.equals(ZIP) || name.equals(MANIFEST) || listed.size() != 1
        ? Optional.empty()
        : Json.text(listed.getFirst(), "sha256");
  }

  /** Returns whether the name is that of a file in the directory itself, and can be shown. */
  boolean hasSafeName() {
    return !name.isEmpty()
        && !name.equals(".")
        && !name.equals("..")
        && name.codePoints().noneMatch(Artifact::isUnsafe);
  }

  private static boolean isUnsafe(int character) {
    return character == '/'
        || Character.isISOControl(character)
        || Character.getType(character) == Character.SURROGATE;
  }
}
