package io.gpurunner.storage;

import java.io.IOException;
import java.io.InputStream;

/** The content of one model file. */
record FileContent(ModelFile file) implements ArtifactContent {
  @Override
  public long lengthBytes() {
    return file.bytes();
  }

  @Override
  public String mediaType() {
    return "application/octet-stream";
  }

  @Override
  public InputStream open(long offset) throws IOException {
    return file.open(offset);
  }
}
