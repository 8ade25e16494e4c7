package io.gpurunner.storage;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The last object of a job's artifacts: while it is not there, they are not complete. */
final class Manifest {
  static final String FILE = "manifest.json";

  private static final JsonMapper JSON =
      JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

  private Manifest() {}

  @JsonPropertyOrder({"artifact", "files", "skipped", "skippedCount"})
  @JsonInclude(JsonInclude.Include.NON_NULL)
  private record Document(
      @Nullable String artifact,
      List<File> files,
      List<ModelDirectory.Skipped> skipped,
      long skippedCount) {}

  @JsonPropertyOrder({"path", "bytes", "sha256"})
  private record File(String path, long bytes, String sha256) {}

  /**
   * @param artifact the object that holds the files; empty where there are none
   */
  static ArtifactContent of(Optional<String> artifact, ModelDirectory model) {
    List<File> files =
        model.files().stream()
            .map(file -> new File(file.name(), file.bytes(), file.sha256()))
            .toList();
    Document document =
        new Document(artifact.orElse(null), files, model.skipped(), model.skippedCount());
    try {
      return new BytesContent(JSON.writeValueAsBytes(document), "application/json");
    } catch (JsonProcessingException impossible) {
      throw new IllegalStateException("a manifest is plain records", impossible);
    }
  }
}
