package io.gpurunner.storage;

import java.net.URI;
import java.nio.file.Path;
import java.util.Optional;

/** The real S3 server that the tests talk to. */
final class TestS3 {
  private TestS3() {}

  static String variable(String name) {
    String value = System.getenv("GPURUNNER_TEST_S3_" + name);
    if (value == null) {
      throw new AssertionError("GPURUNNER_TEST_S3_" + name + " is not set: run make test");
    }
    return value;
  }

  static S3Settings settings() {
    return new S3Settings(
        Optional.of(URI.create(variable("ENDPOINT"))),
        variable("REGION"),
        variable("BUCKET"),
        true,
        Path.of(variable("ACCESS_KEY_FILE")),
        Path.of(variable("SECRET_KEY_FILE")));
  }
}
