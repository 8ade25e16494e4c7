package io.gpurunner.agent.container.docker;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.stream.StreamSupport;

/**
 * What an image says about the program of its containers. Its author wrote it.
 *
 * @param environment each as {@code NAME=value}
 * @param entrypoint the first words of the command
 * @param command the words after them
 */
record ImageProcess(List<String> environment, List<String> entrypoint, List<String> command) {
  /** What is known of an image that is gone. The engine then refuses the creation. */
  static final ImageProcess NOTHING = new ImageProcess(List.of(), List.of(), List.of());

  /** Reads the engine's answer about an image. */
  static ImageProcess read(JsonNode image) {
    JsonNode config = image.path("Config");
    return new ImageProcess(
        texts(config.path("Env")), texts(config.path("Entrypoint")), texts(config.path("Cmd")));
  }

  private static List<String> texts(JsonNode list) {
    return StreamSupport.stream(list.spliterator(), false).map(JsonNode::asText).toList();
  }
}
