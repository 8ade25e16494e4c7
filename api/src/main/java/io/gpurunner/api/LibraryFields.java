package io.gpurunner.api;

import java.util.List;

/**
 * The fields that name an entry of a library, in the spellings of both generations of the cloud's
 * API. Where several are sent, the first that is in the library counts: the cloud gives an entry a
 * name and an id.
 *
 * @param what the library's word for messages
 * @param entry the fields with a name or an id
 * @param path the field with the place in the container
 */
record LibraryFields(String what, List<String> entry, String path) {
  static final LibraryFields DATASET =
      new LibraryFields(
          "dataset",
          List.of("datasetName", "dataset_name", "datasetId", "dataset_id"),
          "datasetPath");
  static final LibraryFields MODEL =
      new LibraryFields(
          "model",
          List.of("pretrainedModelName", "model_name", "pretrainedModelId", "model_id"),
          "pretrainedModelPath");
}
