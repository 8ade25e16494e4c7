package io.gpurunner.storage;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/** The real S3 server that the tests talk to. */
public final class TestS3 {
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

  /** Returns whether a client finds an object at its signed URL. */
  public static boolean isThere(ArtifactStore store, ObjectKey key) {
    URI url = store.signedUrl(key, Instant.now(), Duration.ofMinutes(5));
    try (HttpClient http = HttpClient.newHttpClient()) {
      int status =
          http.send(HttpRequest.newBuilder(url).build(), BodyHandlers.discarding()).statusCode();
      return switch (status) {
        case 200 -> true;
        case 404 -> false;
        default -> throw new AssertionError("GET %s answered %d".formatted(url, status));
      };
    } catch (IOException | InterruptedException failure) {
      throw new AssertionError("GET %s failed".formatted(url), failure);
    }
  }
}
