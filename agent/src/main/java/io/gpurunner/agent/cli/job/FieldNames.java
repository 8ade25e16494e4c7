package io.gpurunner.agent.cli.job;

import java.util.Map;
import java.util.regex.Pattern;

/** Puts the options of {@code gpurunner submit} into the agent's messages, which name fields. */
final class FieldNames {
  private static final Map<String, String> OPTIONS =
      Map.ofEntries(
          Map.entry("gpuNumber", "--gpus"),
          Map.entry("gpuType", "--type"),
          Map.entry("imagePath", "--image"),
          Map.entry("ckptPath", "--ckpt"),
          Map.entry("ckptVol", "--ckpt"),
          Map.entry("modelPath", "--model"),
          Map.entry("modelVol", "--model"),
          Map.entry("stopTime", "--time"),
          Map.entry("env", "--env"),
          Map.entry("datasetName", "--data"),
          Map.entry("datasetPath", "--data"),
          Map.entry("pretrainedModelName", "--pretrained"),
          Map.entry("pretrainedModelPath", "--pretrained"),
          Map.entry("name", "--name"),
          Map.entry("jobType", "--job-type"),
          Map.entry("priority", "--priority"),
          Map.entry("retries", "--retries"),
          Map.entry("runCommand", "the command"));

  /** A field at the beginning of what is said about it. */
  private static final Pattern FIELD =
      Pattern.compile(
          "(?<=^|; | and )(" + String.join("|", OPTIONS.keySet()) + ")(?=:| and [a-zA-Z]+:)");

  private FieldNames() {}

  /** Returns the message with the options that the user gave in front of the fields' names. */
  static String withOptions(String message) {
    return FIELD
        .matcher(message)
        .replaceAll(field -> OPTIONS.get(field.group()) + " (" + field.group() + ")");
  }
}
