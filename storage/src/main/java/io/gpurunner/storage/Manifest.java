package io.gpurunner.storage;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.gpurunner.storage.StorageException.Kind;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The last object of a job's artifacts. Until it is there, the artifacts are not complete. It has a
 * line of JSON for each file. The lines are made when they are read, so none of the hundreds of
 * thousands is kept.
 */
final class Manifest implements ArtifactContent {
  static final String FILE = "manifest.json";

  /** The largest manifest. Its readers will keep it in memory. */
  static final long MAX_BYTES = 128L << 20;

  private static final JsonMapper JSON = JsonMapper.builder().build();

  private final Optional<String> artifact;
  private final ModelDirectory model;
  private final long lengthBytes;

  private Manifest(Optional<String> artifact, ModelDirectory model) {
    this.artifact = artifact;
    this.model = model;
    long length = 0;
    for (int piece = 0; piece < pieces(); piece++) {
      length += piece(piece).length;
    }
    this.lengthBytes = length;
  }

  /**
   * @param linkTo where the link leads that is published as this file, in the container
   */
  @JsonPropertyOrder({"path", "bytes", "sha256", "linkTo"})
  @JsonInclude(JsonInclude.Include.NON_NULL)
  private record File(String path, long bytes, String sha256, @Nullable String linkTo) {
    static File of(ModelFile file) {
      return new File(
          file.name(),
          file.bytes(),
          file.sha256(),
          file.linkedTo().map(path -> "/" + ArtifactNames.readable(path)).orElse(null));
    }
  }

  /**
   * @param artifact the object that holds the files; empty if there are none
   * @throws StorageException UNFIT if it would be too large
   */
  static ArtifactContent of(Optional<String> artifact, ModelDirectory model) {
    return of(artifact, model, MAX_BYTES);
  }

  static ArtifactContent of(Optional<String> artifact, ModelDirectory model, long maxBytes) {
    Manifest manifest = new Manifest(artifact, model);
    if (manifest.lengthBytes > maxBytes) {
      throw new StorageException(
          Kind.UNFIT,
          "the model directory cannot be published: the list of its files would make %d bytes, more than the %d that are taken; pack the files or shorten their names"
              .formatted(manifest.lengthBytes, maxBytes));
    }
    return manifest;
  }

  /** Returns the number of pieces: one for each file, and one before and one after them. */
  private int pieces() {
    return model.files().size() + 2;
  }

  private byte[] piece(int number) {
    int count = model.files().size();
    String text;
    if (number == 0) {
      text =
          artifact.map(name -> "{\"artifact\":" + json(name) + ",\n").orElse("{") + "\"files\":[";
    } else if (number <= count) {
      ModelFile file = model.files().get(number - 1);
      text = (number == 1 ? "\n" : ",\n") + json(File.of(file));
    } else {
      text =
          "],\n\"skipped\":"
              + json(model.skipped())
              + ",\n\"skippedCount\":"
              + model.skippedCount()
              + "}\n";
    }
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static String json(Object value) {
    try {
      return JSON.writeValueAsString(value);
    } catch (JsonProcessingException impossible) {
      throw new IllegalStateException("a manifest is plain records", impossible);
    }
  }

  @Override
  public long lengthBytes() {
    return lengthBytes;
  }

  @Override
  public String mediaType() {
    return "application/json";
  }

  @Override
  public InputStream open(long offset) throws IOException {
    InputStream whole = new Pieces();
    whole.skipNBytes(offset);
    return whole;
  }

  private final class Pieces extends InputStream {
    private int next;
    private InputStream current = InputStream.nullInputStream();

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] buffer, int offset, int length) throws IOException {
      int read = current.read(buffer, offset, length);
      while (read < 0 && next < pieces()) {
        current = new ByteArrayInputStream(piece(next));
        next++;
        read = current.read(buffer, offset, length);
      }
      return read;
    }
  }
}
